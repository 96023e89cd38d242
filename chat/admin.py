from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.catalogue import REPORT_REASONS
from chat.models import Block, Report, ReportedMessage, Room
from chat.services import blocks, reports
from core.ledger import audit
from core.ledger.actions import Action
from core.ledger.read_only import ReadOnly


@admin.register(Room)
class RoomAdmin(ReadOnly, admin.ModelAdmin):
    """To look at. What is said in a room is nobody's business here."""

    list_display = ["id", "opens_at", "closes_at", "closed_at", "closed_reason"]
    list_filter = ["opens_at", "closed_reason"]
    ordering = ["-created_at"]
    search_fields = ["=id"]


@admin.register(Block)
class BlockAdmin(admin.ModelAdmin):
    """Only members block. To delete a block here is to lift it; the audit log says who did."""

    list_display = ["member", "blocked", "created_at"]
    list_filter = ["created_at"]
    ordering = ["-created_at"]
    search_fields = ["=member", "=blocked"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Block | None = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Block) -> None:
        blocks.lift(obj, by=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Block]) -> None:
        for block in queryset:
            blocks.lift(block, by=request.user.get_username())


class ReportedMessageInline(ReadOnly, admin.TabularInline):
    model = ReportedMessage
    fields = ["seq", "sender", "text", "sent_at"]


class SettlingForm(forms.ModelForm):
    why = forms.CharField(label=_("reason"), max_length=500, help_text=_("for the audit log; members do not see it"))

    class Meta:
        model = Report
        fields = ["state"]


@admin.register(Report)
class ReportAdmin(admin.ModelAdmin):
    """Reports and their evidence. Who opens one reads what two people said: the audit log says who did."""

    form = SettlingForm
    list_display = ["created_at", "reported_for", "reported_member", "reported_by", "state"]
    list_filter = ["state", "created_at", "reason"]
    ordering = ["-created_at"]
    search_fields = ["=id", "=reported", "=member", "=room"]
    readonly_fields = [
        *("id", "created_at", "reported_by", "reported_member", "its_room", "reported_for", "detail", "settled_at")
    ]
    inlines = [ReportedMessageInline]

    @admin.display(description=_("reported for"), ordering="reason")
    def reported_for(self, report: Report) -> str:
        return str(REPORT_REASONS.get(report.reason, report.reason))

    @admin.display(description=_("reported member"), ordering="reported")
    def reported_member(self, report: Report) -> str:
        return _linked("accounts_member", report.reported)

    @admin.display(description=_("reported by"), ordering="member")
    def reported_by(self, report: Report) -> str:
        return _linked("accounts_member", report.member)

    @admin.display(description=_("room"), ordering="room")
    def its_room(self, report: Report) -> str:
        return _linked("chat_room", report.room)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Report | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Report | None = None) -> list[Any]:
        return [*self.readonly_fields, "state", *(["why"] if self.has_change_permission(request, obj) else [])]

    def has_change_permission(self, request: HttpRequest, obj: Report | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.state == Report.State.OPEN)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "GET":
            audit.record(request.user.get_username(), Action.READ_REPORT, subject=f"report {object_id}")
        return super().change_view(request, object_id, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Report, form: Any, change: bool) -> None:
        if "state" in form.changed_data:
            reports.settle(obj.id, obj.state, by=request.user.get_username(), reason=form.cleaned_data["why"])


def _linked(model: str, row: int) -> str:
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{model}_change", args=[row]), row)
