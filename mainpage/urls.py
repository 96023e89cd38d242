"""Routes of mainpage, under /api/v1/."""

from django.urls import path

from mainpage.api import ExportView, MainView, MeView, NoticesView

urlpatterns = [
    path("members/me", MeView.as_view()),
    path("members/me/export", ExportView.as_view()),
    path("main", MainView.as_view()),
    path("notices", NoticesView.as_view()),
]
