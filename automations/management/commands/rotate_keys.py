"""Encrypt every stored secret afresh, under the first key of FIELD_ENCRYPTION_KEY."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from automations import encryption, services
from automations.audit import record
from automations.models import Hook, Provider


class Command(BaseCommand):
    help = (
        "Re-encrypt stored secrets: put the new key first in FIELD_ENCRYPTION_KEY, then run this."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            sealed = list(Provider.objects.select_for_update().exclude(api_key_sealed=""))
            for provider in sealed:
                provider.api_key_sealed = encryption.rotate(provider.api_key_sealed)
                provider.save(update_fields=["api_key_sealed"])
                record("rotate key", provider, by=services.SYSTEM)
            hooks = list(Hook.objects.select_for_update().exclude(secret_sealed=""))
            for hook in hooks:
                services.reseal(hook, by=services.SYSTEM)
        count = len(sealed) + len(hooks)
        self.stdout.write(f"{count} secrets are encrypted under the first key now.")
