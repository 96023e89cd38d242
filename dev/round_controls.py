"""A laptop's "pair now / open / close the round", so that nobody has to wait till ten."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
