"""The ground floor's URLs."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
