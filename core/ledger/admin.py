from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core.ledger.models import AuditEntry
from core.ledger.read_only import ReadOnly


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, admin.ModelAdmin):
    """The audit log, to read: who did what to whom, and why."""

    list_display = ["at", "actor", "action", "subject", "reason", "outcome"]
    fields = ["at", "actor", "action", "subject", "reason", "outcome", "details"]
    readonly_fields = ["at", "outcome"]
    list_filter = ["action", "actor", "at"]
    ordering = ["-id"]
    search_fields = ["subject", "actor"]
    search_help_text = _("the whole subject, such as “member 17”, or its id; or who did it")

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
