"""The top floor's app configuration."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class LifecycleConfig(AppConfig):
    name = "lifecycle"
    verbose_name = "Lifecycle"

    def ready(self) -> None:
        from automations import signals  # noqa: PLC0415  models must be loaded first
        from lifecycle import receivers, roles, schedules  # noqa: PLC0415

        sender = apps.get_app_config("django_q")
        post_migrate.connect(schedules.ensure, sender=sender, dispatch_uid="lifecycle.schedules")
        post_migrate.connect(roles.grant, dispatch_uid="lifecycle.roles.grant")
        signals.recorded.connect(receivers.on_recorded, dispatch_uid="lifecycle.recorded")
        signals.runs_finished.connect(receivers.on_runs_finished, dispatch_uid="lifecycle.finished")
