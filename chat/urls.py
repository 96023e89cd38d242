"""Routes of chat, under /api/v1/."""

from django.urls import path

from chat import api

urlpatterns = [
    path("rooms", api.RoomsView.as_view()),
    path("rooms/<int:room>", api.RoomView.as_view()),
    path("rooms/<int:room>/partner", api.PartnerView.as_view()),
    path("rooms/<int:room>/messages", api.MessagesView.as_view()),
    path("rooms/<int:room>/read", api.ReadView.as_view()),
    path("rooms/<int:room>/leave", api.LeaveView.as_view()),
    path("reports", api.ReportsView.as_view()),
    path("blocks", api.BlocksView.as_view()),
]
