"""Routes of accounts, under /api/v1/."""

from django.urls import path

from accounts import api

urlpatterns = [
    path("auth/kakao/login", api.KakaoLoginView.as_view()),
    path("auth/kakao", api.KakaoView.as_view()),
    path("auth/refresh", api.RefreshView.as_view()),
    path("auth/logout", api.LogoutView.as_view()),
    path("auth/logout-all", api.LogoutAllView.as_view()),
    path("auth/sessions", api.SessionsView.as_view()),
    path("auth/sessions/<int:session_id>", api.SessionView.as_view()),
    path("devices", api.DevicesView.as_view()),
    path("members/me/profile", api.ProfileView.as_view()),
    path("members/me/preference", api.PreferenceView.as_view()),
    path("members/me/active", api.ActiveView.as_view()),
    path("members/nickname", api.NicknameView.as_view()),
    path("webhooks/kakao/unlink", api.UnlinkedView.as_view()),
    path("catalogue", api.CatalogueView.as_view()),
]
