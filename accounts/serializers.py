"""The JSON that accounts answers with; what it accepts is in forms.py."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import nicknames, selectors
from accounts.models import Device, Member, Preference, Profile, Session
from core.http.times import Moment


class ProfileSerializer(serializers.Serializer[Profile]):
    nickname = serializers.CharField()
    gender = serializers.ChoiceField(Profile.Gender.choices)
    birth_year = serializers.IntegerField()
    department = serializers.CharField(source="department_id")
    keywords = serializers.SerializerMethodField()

    def get_keywords(self, profile: Profile) -> list[str]:
        return list(profile.chosen_keywords.values_list("keyword_id", flat=True))


class PreferenceSerializer(serializers.Serializer[Preference]):
    birth_year_min = serializers.IntegerField()
    birth_year_max = serializers.IntegerField()
    own_department = serializers.BooleanField()
    mood = serializers.CharField(source="mood_id")


class MemberSerializer(serializers.Serializer[Member]):
    id = serializers.IntegerField()
    onboarding = serializers.SerializerMethodField()
    active = serializers.BooleanField()
    inactive_reason = serializers.SerializerMethodField()
    language = serializers.ChoiceField(settings.LANGUAGES)
    push_text = serializers.BooleanField(help_text="whether notifications show what was written")
    profile = ProfileSerializer(allow_null=True)
    preference = PreferenceSerializer(allow_null=True)

    @extend_schema_field(serializers.ChoiceField(["profile", "preference", "done"]))
    def get_onboarding(self, member: Member) -> str:
        return selectors.onboarding(member)

    @extend_schema_field(serializers.ChoiceField(Member.InactiveReason.values, allow_null=True))
    def get_inactive_reason(self, member: Member) -> str | None:
        return member.inactive_reason or None


class SignInStartSerializer(serializers.Serializer[Any]):
    authorize_url = serializers.URLField()
    state = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="seconds")


class AccessSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    access_expires_in = serializers.IntegerField(help_text="seconds")
    refresh = serializers.CharField(required=False, help_text="for X-Client: native only; browsers get a cookie")


class SignedInSerializer(AccessSerializer):
    next = serializers.CharField(help_text="the path given to GET /auth/kakao/login")
    member = MemberSerializer()


class SessionSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    device = serializers.CharField()
    created_at = Moment()
    last_seen = Moment()
    current = serializers.SerializerMethodField()

    def get_current(self, session: Session) -> bool:
        return bool(session.id == self.context["current"])


class SessionListSerializer(serializers.Serializer[Any]):
    results = SessionSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class DeviceSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(Device.Kind.choices)
    device = serializers.CharField(source="session.device")
    created_at = Moment()
    seen_at = Moment()
    current = serializers.SerializerMethodField()

    def get_current(self, device: Device) -> bool:
        return bool(device.session_id == self.context["current"])


class DeviceListSerializer(serializers.Serializer[Any]):
    results = DeviceSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    web_push_key = serializers.CharField(allow_null=True, help_text="`applicationServerKey`; null: no Web Push here")


class NicknameSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    code = serializers.ChoiceField(list(nicknames.DETAILS))
    detail = serializers.CharField()


class NamedSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()


class OfferedSerializer(NamedSerializer):
    offered = serializers.BooleanField(help_text="false: no longer to be chosen, but somebody may have it")


class KeywordSerializer(OfferedSerializer):
    emoji = serializers.CharField()
    starters = serializers.ListField(child=serializers.CharField())


class NicknameLimitsSerializer(serializers.Serializer[Any]):
    min = serializers.IntegerField()
    max = serializers.IntegerField()
    pattern = serializers.CharField()


class YearLimitsSerializer(serializers.Serializer[Any]):
    min = serializers.IntegerField()
    max = serializers.IntegerField()


class LimitsSerializer(serializers.Serializer[Any]):
    nickname = NicknameLimitsSerializer()
    birth_year = YearLimitsSerializer()
    keywords = serializers.IntegerField(help_text="how many have to be chosen")
    text = serializers.IntegerField(help_text="the longest message, in characters")


class CatalogueSerializer(serializers.Serializer[Any]):
    departments = OfferedSerializer(many=True)
    keywords = KeywordSerializer(many=True)
    moods = OfferedSerializer(many=True)
    report_reasons = NamedSerializer(many=True)
    limits = LimitsSerializer()
