"""All URLs."""

from django.contrib import admin
from django.urls import include, path

from lifecycle import jump, views

urlpatterns = [
    path("", views.portfolio, name="portfolio"),
    path("guide/", views.guide, name="guide"),
    path("start/example/", views.load_example, name="load_example"),
    path("admin/", admin.site.urls),
    path("jump", jump.entries, name="jump"),
    path("", include("monitoring.urls")),
    path("", include("automations.urls")),
]
