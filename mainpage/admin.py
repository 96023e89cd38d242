from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core.ledger.read_only import ReadOnly
from mainpage import bulletin
from mainpage.models import Notice, Round


@admin.register(Round)
class RoundAdmin(ReadOnly, admin.ModelAdmin):
    """To look at only: rounds are moved by `advance_rounds`, by nobody's hand."""

    list_display = ("date", "state", "entrants_counted", "pairs_counted", "unpaired_counted", "opens_at", "closes_at")
    list_filter = ("state",)
    date_hierarchy = "date"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Round]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                entrants_count=Count("entrants", distinct=True),
                unpaired_count=Count("entrants", filter=Q(entrants__paired=False), distinct=True),
            )
        )

    @admin.display(description=_("took part"))
    def entrants_counted(self, round_: Any) -> int:
        return int(round_.entrants_count)

    @admin.display(description=_("pairs"))
    def pairs_counted(self, round_: Any) -> int:
        return int(round_.entrants_count - round_.unpaired_count) // 2

    @admin.display(description=_("sat out"))
    def unpaired_counted(self, round_: Any) -> int:
        return int(round_.unpaired_count)


@admin.register(Notice)
class NoticeAdmin(admin.ModelAdmin):
    list_display = ("title_ko", "title_en", "pinned", "published_at", "hidden_at")
    list_filter = ("pinned",)
    search_fields = ("title_ko", "title_en")

    def save_model(self, request: HttpRequest, obj: Notice, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        transaction.on_commit(bulletin.forget)

    def delete_model(self, request: HttpRequest, obj: Notice) -> None:
        super().delete_model(request, obj)
        transaction.on_commit(bulletin.forget)
