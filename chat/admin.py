from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from chat.models import Block, Room
from chat.services import blocks


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):
    """To look at. What is said in a room is nobody's business here."""

    list_display = ["id", "opens_at", "closes_at", "closed_at", "closed_reason"]
    list_filter = ["closed_reason"]
    date_hierarchy = "opens_at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Room | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Room | None = None) -> bool:
        return False


@admin.register(Block)
class BlockAdmin(admin.ModelAdmin):
    """Only members block. To delete a block here is to lift it; the audit log says who did."""

    list_display = ["member", "blocked", "created_at"]
    search_fields = ["=member", "=blocked"]
    date_hierarchy = "created_at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Block | None = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Block) -> None:
        blocks.lift(obj, by=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Block]) -> None:
        for block in queryset:
            blocks.lift(block, by=request.user.get_username())
