"""Puts our admin site in the place of Django's."""

from django.contrib.admin.apps import AdminConfig


class LifecycleAdminConfig(AdminConfig):
    """The admin app with our site as its default."""

    default_site = "lifecycle.admin_site.LifecycleAdminSite"
