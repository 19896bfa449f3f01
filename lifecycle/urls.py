"""All URLs."""

from django.contrib import admin
from django.urls import include, path

from lifecycle import jump

urlpatterns = [
    path("admin/", admin.site.urls),
    path("jump", jump.entries, name="jump"),
    path("", include("monitoring.urls")),
    path("", include("automations.urls")),
]
