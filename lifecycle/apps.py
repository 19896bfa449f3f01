"""The top floor's app configuration."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LifecycleConfig(AppConfig):
    name = "lifecycle"
    verbose_name = "Lifecycle"

    def ready(self) -> None:
        from django.apps import apps

        from lifecycle import schedules

        sender = apps.get_app_config("django_q")
        post_migrate.connect(schedules.ensure, sender=sender, dispatch_uid="lifecycle.schedules")
