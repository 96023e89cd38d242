"""The JSON that accounts accepts: a message for every field, in the words of the page it is filled in on."""

import json
from base64 import urlsafe_b64decode
from contextlib import suppress
from dataclasses import fields
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import nicknames, selectors
from accounts.models import Department, Device, Keyword, Member, Mood, Profile
from accounts.serializers import PreferenceSerializer, ProfileSerializer
from accounts.services.members import PreferenceForm, ProfileForm
from core.http import push_services

PROFILE_FIELDS = {field.name for field in fields(ProfileForm)}
PREFERENCE_FIELDS = {field.name for field in fields(PreferenceForm)}
FAULTS = ("required", "null", "blank", "invalid", "invalid_choice", "min_value", "max_value", "max_string_length")


def says(text: Promise | str) -> dict[str, Any]:
    """One sentence for whatever is wrong with a field; the code still tells what it was."""
    return dict.fromkeys(FAULTS, text)


# --- signing in
class SignInStartQuery(serializers.Serializer[Any]):
    next = serializers.RegexField(
        r"^/(?![/\\])[^\\\x00-\x20]*$",
        max_length=200,
        default="/",
        error_messages=says(_("Only a path of this service can follow.")),
    )
    challenge = serializers.RegexField(
        r"^[A-Za-z0-9_-]{43}$", default=None, help_text="base64url(SHA-256(verifier)) without padding"
    )
    redirect_uri = serializers.CharField(max_length=500, required=False, help_text="one that is registered with Kakao")

    def validate_redirect_uri(self, value: str) -> str:
        if value not in settings.KAKAO_REDIRECT_URIS:
            raise serializers.ValidationError(_("This address is not registered for signing in."), code="unknown")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {"redirect_uri": settings.KAKAO_REDIRECT_URIS[0]} | attrs


class SignInBody(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=1000)
    state = serializers.CharField(max_length=2000)
    redirect_uri = serializers.CharField(max_length=500, default=None)
    verifier = serializers.CharField(max_length=128, default=None)


class RefreshBody(serializers.Serializer[Any]):
    refresh = serializers.CharField(required=False, help_text="from X-Client: native only")


# --- Kakao about members
class UnlinkedBody(serializers.Serializer[Any]):
    """`app_id` must be ours where KAKAO_APP_ID says which that is."""

    app_id = serializers.CharField(max_length=20, required=False)
    user_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    referrer_type = serializers.CharField(max_length=40, required=False, help_text="why; any value is taken")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if settings.KAKAO_APP_ID and attrs.get("app_id") != settings.KAKAO_APP_ID:
            raise serializers.ValidationError("another app's", code="unknown")
        return attrs


# --- members about themselves; `context["member"]` is who fills it in
def form_context(member: Member) -> dict[str, Any]:
    """`stored`: what the member has said so far, one flat dictionary of ids and values."""
    stored: dict[str, Any] = {}
    if hasattr(member, "profile"):
        stored |= ProfileSerializer(member.profile).data
    if hasattr(member, "preference"):
        stored |= PreferenceSerializer(member.preference).data
    return {"member": member, "stored": stored}


class CatalogueId(serializers.CharField):
    """The id of something offered, or of what the member chose before it was withdrawn."""

    def __init__(self, model: type[Model], text: Promise | str) -> None:
        super().__init__(error_messages=says(text))
        self.model = model

    def to_internal_value(self, data: Any) -> str:
        id_ = super().to_internal_value(data)
        if id_ not in offered(self.model) and id_ != self.context["stored"].get(self.field_name):
            self.fail("invalid")
        return id_


@extend_schema_field(serializers.ListField(child=serializers.CharField(), min_length=3, max_length=3))
class KeywordIds(serializers.Field[tuple[str, ...], Any, Any, Any]):
    """As many different ones as KEYWORDS_CHOSEN, in the member's order."""

    default_error_messages = says(_("Choose three keywords.")) | {
        "unknown": _("Pick them from the list."),
        "twice": _("Each keyword once, please."),
        "one_missing": _("One more, please."),
        "two_missing": _("Two more, please."),
    }

    def to_internal_value(self, data: Any) -> tuple[str, ...]:
        if not isinstance(data, list) or not all(isinstance(keyword, str) for keyword in data):
            self.fail("invalid")
        if len(set(data)) < len(data):
            self.fail("twice")
        if set(data) - offered(Keyword) - set(self.context["stored"].get("keywords", [])):
            self.fail("unknown")
        if missing := settings.KEYWORDS_CHOSEN - len(data):
            self.fail({1: "one_missing", 2: "two_missing"}.get(missing, "invalid"))
        return tuple(data)


def offered(model: type[Model]) -> set[str]:
    return set(model._default_manager.filter(offered=True).values_list("pk", flat=True))


class Year(serializers.IntegerField):
    def __init__(self) -> None:
        earliest, latest = settings.BIRTH_YEAR_MIN, settings.BIRTH_YEAR_MAX
        outside = format_lazy(_("Choose a year from {earliest} to {latest}."), earliest=earliest, latest=latest)
        super().__init__(
            min_value=earliest,
            max_value=latest,
            error_messages=says(_("Choose one.")) | {"min_value": outside, "max_value": outside},
        )


class ProfileBody(serializers.Serializer[Any]):
    nickname = serializers.CharField(error_messages=says(nicknames.DETAILS["pattern"]))
    gender = serializers.ChoiceField(Profile.Gender.choices, error_messages=says(_("Choose one.")))
    birth_year = Year()
    department = CatalogueId(Department, _("Pick one from the list."))
    keywords = KeywordIds()

    def validate_nickname(self, value: str) -> str:
        nickname = nicknames.normalised(value)
        code = selectors.nickname_code(nickname, member_id=self.context["member"].id)
        if code != "free":
            raise serializers.ValidationError(nicknames.DETAILS[code], code=code)
        return nickname


class PreferenceBody(serializers.Serializer[Any]):
    birth_year_min = Year()
    birth_year_max = Year()
    own_department = serializers.BooleanField(error_messages=says(_("Choose one.")))
    mood = CatalogueId(Mood, _("Choose one mood."))

    def validate_birth_year_min(self, earliest: int) -> int:
        if "birth_year_max" not in self.initial_data:
            self._refuse_disorder(earliest, self.context["stored"].get("birth_year_max"))
        return earliest

    def validate_birth_year_max(self, latest: int) -> int:
        self._refuse_disorder(self._earliest(), latest)
        return latest

    def _earliest(self) -> int | None:
        """As sent, or as stored; None when it is wrong in itself, which is said where it stands."""
        if "birth_year_min" not in self.initial_data:
            return self.context["stored"].get("birth_year_min")
        with suppress(serializers.ValidationError):
            return int(self.fields["birth_year_min"].run_validation(self.initial_data["birth_year_min"]))
        return None

    def _refuse_disorder(self, earliest: int | None, latest: int | None) -> None:
        """Called for the fields and not in `validate`, so that it is said together with what is wrong elsewhere."""
        if earliest is not None and latest is not None and earliest > latest:
            raise serializers.ValidationError(_("The first year is later than the second."), code="order")


class MemberBody(ProfileBody, PreferenceBody):
    """Any of it (`partial`); what is not given stays."""

    language = serializers.ChoiceField(settings.LANGUAGES, error_messages=says(_("Choose one.")))
    push_text = serializers.BooleanField(error_messages=says(_("Choose one.")))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A profile or preference that does not exist yet can only be given whole."""
        whole = self.context["stored"] | attrs
        errors = {
            name: self.fields[name].error_messages["required"]
            for names in (PROFILE_FIELDS, PREFERENCE_FIELDS)
            if names & attrs.keys()
            for name in names - whole.keys()
        }
        if errors:
            raise serializers.ValidationError(errors, code="required")
        return attrs


def profile_form(values: dict[str, Any]) -> ProfileForm:
    chosen = {name: values[name] for name in PROFILE_FIELDS}
    return ProfileForm(**chosen | {"keywords": tuple(values["keywords"])})


def preference_form(values: dict[str, Any]) -> PreferenceForm:
    return PreferenceForm(**{name: values[name] for name in PREFERENCE_FIELDS})


class ActiveBody(serializers.Serializer[Any]):
    active = serializers.BooleanField(error_messages=says(_("Choose one.")))


# --- where pushes go
NO_BROWSER = _("Notifications can't be sent to this browser.")
APP_NAME = "^[!-~]{1,4096}$"
NO_DEVICE = _("Notifications can't be sent to this device.")


class KeysBody(serializers.Serializer[Any]):
    """RFC 8291, 3.1 and 3.2: a point of the curve P-256, uncompressed, and 16 bytes; base64url, padded or not."""

    p256dh = serializers.RegexField(r"^[A-Za-z0-9_-]{87}=?$", error_messages=says(NO_BROWSER))
    auth = serializers.RegexField(r"^[A-Za-z0-9_-]{22}={0,2}$", error_messages=says(NO_BROWSER))

    def validate_p256dh(self, value: str) -> str:
        written = value.rstrip("=")
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), urlsafe_b64decode(written + "="))
        except ValueError:
            raise serializers.ValidationError(NO_BROWSER, code="invalid") from None
        return written

    def validate_auth(self, value: str) -> str:
        return value.rstrip("=")


class EndpointBody(serializers.Serializer[Any]):
    """As much of a browser's PushSubscription as names it."""

    default_error_messages = {"invalid": NO_BROWSER}

    endpoint = serializers.CharField(
        max_length=push_services.MAX_ENDPOINT, error_messages=says(NO_BROWSER) | {"max_length": NO_BROWSER}
    )


class SubscriptionBody(EndpointBody):
    """A whole one; what else it has (`expirationTime`) is not kept."""

    keys = KeysBody(error_messages=says(NO_BROWSER))

    def validate_endpoint(self, value: str) -> str:
        if push_services.origin_of(value) is None:
            raise serializers.ValidationError(NO_BROWSER, code="unknown_service")
        return value


class AppName(serializers.RegexField):
    """What Firebase calls an app on a device: its installation's id, or its registration token."""

    def __init__(self) -> None:
        super().__init__(APP_NAME, error_messages=says(NO_DEVICE))


@extend_schema_field(
    {
        "oneOf": [{"type": "string", "pattern": APP_NAME}, {"type": "object", "required": ["endpoint"]}],
        "description": "kind `webpush`: the JSON of the browser's PushSubscription; else the text the app was given",
    }
)
class DeviceValue(serializers.JSONField):
    """Looked at by DeviceBody, for what it has to be depends on the kind."""


class DeviceBody(serializers.Serializer[Any]):
    """Which device: enough to remove it, also when it could not be registered any more."""

    subscription: type[EndpointBody] = EndpointBody

    kind = serializers.ChoiceField(Device.Kind.choices, error_messages=says(_("Choose one.")))
    value = DeviceValue(error_messages=says(NO_DEVICE))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """`value` becomes text; a browser's is compact JSON."""
        is_browser = attrs["kind"] == Device.Kind.WEBPUSH
        form = self.subscription() if is_browser else AppName()
        try:
            value = form.run_validation(attrs["value"])
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"value": error.detail}) from None
        return attrs | {"value": json.dumps(value, separators=(",", ":")) if is_browser else value}


class RegistrationBody(DeviceBody):
    """A device that pushes can reach."""

    subscription = SubscriptionBody
