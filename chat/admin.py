from django.contrib import admin
from django.http import HttpRequest

from chat.models import Room


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
