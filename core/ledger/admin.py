from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core.ledger.actions import named
from core.ledger.models import AuditEntry
from core.ledger.read_only import ReadOnly


class ActionFilter(admin.AllValuesFieldListFilter):
    """Those that were ever done, by their names."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": named(str(choice["display"]))}


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, admin.ModelAdmin):
    """The audit log, to read: who did what to whom, and why."""

    list_display = ["at", "actor", "done", "subject", "reason", "outcome"]
    fields = ["at", "actor", "done", "subject", "reason", "outcome", "details"]
    readonly_fields = ["at", "done", "outcome"]
    list_filter = [("action", ActionFilter), "actor", "at"]
    ordering = ["-id"]
    search_fields = ["subject", "actor"]
    search_help_text = _("the whole subject, such as “member 17”, or its id; or who did it")

    @admin.display(description=_("action"), ordering="action")
    def done(self, entry: AuditEntry) -> str:
        return named(entry.action)

    @admin.display(description=_("outcome"))
    def outcome(self, entry: AuditEntry) -> str:
        """Of what takes many transactions, which is there twice."""
        return str(entry.details.get("outcome", ""))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """As one thing and not word by word: “member 17” is neither “member 170” nor “report 17”."""
        if term := search_term.strip():
            queryset = queryset.filter(Q(subject=term) | Q(subject__endswith=f" {term}") | Q(actor=term))
        return queryset, False
