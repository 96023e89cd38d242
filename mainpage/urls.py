"""Routes of mainpage, under /api/v1/."""

from django.urls import path

from mainpage.api import MainView, NoticesView

urlpatterns = [
    path("main", MainView.as_view()),
    path("notices", NoticesView.as_view()),
]
