"""The top floor's app configuration."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class LifecycleConfig(AppConfig):
    name = "lifecycle"
    verbose_name = "Lifecycle"

    def ready(self) -> None:
        from lifecycle import schedules  # noqa: PLC0415  models must be loaded first

        sender = apps.get_app_config("django_q")
        post_migrate.connect(schedules.ensure, sender=sender, dispatch_uid="lifecycle.schedules")
