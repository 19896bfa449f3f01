"""The ground floor's app configuration."""

from django.apps import AppConfig
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models.signals import post_migrate


class AutomationsConfig(AppConfig):
    name = "automations"
    verbose_name = "Automations"

    def ready(self) -> None:
        MinValueValidator.message = "Write %(limit_value)s or more."
        MaxValueValidator.message = "Write %(limit_value)s or less."
        from automations import checks, roles  # noqa: F401, PLC0415  models must be loaded first

        post_migrate.connect(roles.grant, dispatch_uid="automations.roles.grant")
