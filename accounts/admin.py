"""What staff see of members, and the lists they edit. They warn, suspend or remove a member here."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.catalogue import REPORT_REASONS
from accounts.models import Department, Device, Keyword, Member, Mood, Preference, Profile, Session
from accounts.services import standing
from core.ledger.read_only import ReadOnly


class ProfileInline(ReadOnly, admin.StackedInline):
    model = Profile
    exclude = ["nickname_key"]


class PreferenceInline(ReadOnly, admin.StackedInline):
    model = Preference


class SessionInline(ReadOnly, admin.TabularInline):
    model = Session
    fields = ["device", "client", "created_at", "last_seen", "ended_at"]
    readonly_fields = ["device", "client", "created_at", "last_seen", "ended_at"]


class StandingForm(forms.ModelForm):
    reason = forms.CharField(
        label=_("reason"), max_length=500, help_text=_("for the audit log; the member does not see it")
    )
    warn_for = forms.ChoiceField(
        label=_("warn for"),
        choices=[("", _("no warning")), *REPORT_REASONS.items()],
        required=False,
        help_text=_("the member reads it"),
    )
    remove = forms.BooleanField(
        label=_("remove"),
        required=False,
        help_text=_("erase the member and never let them in again; for good"),
    )

    class Meta:
        model = Member
        fields = ["suspended_until"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["suspended_until"].required = False
        self.fields["suspended_until"].help_text = _("empty: not suspended")


class SyntheticFilter(admin.SimpleListFilter):
    """Who is nobody (services/synthetic_members.py, bench_members.py) is in the list on request alone."""

    title = _("members")
    parameter_name = "synthetic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("synthetic, of deploys and benchmarks"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        everybody, *others = super().choices(changelist)
        yield {**everybody, "display": _("people")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:
        synthetic = Q(kakao_id__lt=0)  # Kakao gives none below 0
        return queryset.filter(synthetic if self.value() == "yes" else ~synthetic)


@admin.register(Member)
class MemberAdmin(admin.ModelAdmin):
    form = StandingForm
    list_display = [
        "id",
        "nickname",
        "active",
        "warned_at",
        "suspended_until",
        "withdrawn_at",
        "created_at",
    ]
    list_filter = [SyntheticFilter, "active", "inactive_reason", "language"]
    list_select_related = ["profile"]
    ordering = ["-created_at"]
    search_fields = ["=id", "=profile__nickname"]
    readonly_fields = [
        "id",
        "language",
        "push_text",
        "push_devices",
        "created_at",
        "active",
        "inactive_reason",
        "taking_part_since",
        "withdrawn_at",
    ]
    inlines = [ProfileInline, PreferenceInline, SessionInline]

    @admin.display(description=_("nickname"), ordering="profile__nickname")
    def nickname(self, member: Member) -> str:
        return member.profile.nickname if hasattr(member, "profile") else ""

    @admin.display(description=_("push devices"))
    def push_devices(self, member: Member) -> str:
        """How many of each kind; nobody needs to see what they are known by."""
        numbers = Counter(member.devices.order_by("kind").values_list("kind", flat=True))
        return ", ".join(f"{Device.Kind(kind).label}: {number}" for kind, number in numbers.items())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Member, form: Any, change: bool) -> None:
        by, reason = request.user.get_username(), form.cleaned_data["reason"]
        if form.cleaned_data["remove"]:
            standing.remove(obj.id, by=by, reason=reason)
            return
        if form.cleaned_data["warn_for"]:
            standing.warn(obj.id, form.cleaned_data["warn_for"], by=by, reason=reason)
        if "suspended_until" in form.changed_data:
            standing.suspend(obj.id, obj.suspended_until, by=by, reason=reason)


class CatalogueAdmin(admin.ModelAdmin):
    """Ids are for ever, so an item is no longer offered rather than deleted."""

    list_display = ["name_ko", "name_en", "id", "position", "offered"]
    list_editable = ["position", "offered"]
    list_filter = ["offered"]
    search_fields = ["name_ko", "name_en", "id"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["id"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else {"id": ["name_en"]}


admin.site.register([Department, Keyword, Mood], CatalogueAdmin)
