"""Plain makers: each makes one valid row; keywords change what a test is about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from automations import bearer
from automations.connectors.base import Outside, Parcel
from automations.models import (
    SCOPES,
    ApiToken,
    Automation,
    Delivery,
    Destination,
    Provider,
    Run,
    Source,
    ValidatorRule,
    Version,
)
from automations.outbound import Allowance, OutboundClient

LONG_TEXT = "The clinic called every patient who had missed an appointment and asked why. " * 3


def make_provider(**values: Any) -> Provider:
    return Provider.objects.create(**{"name": f"Provider {Provider.objects.count()}", **values})


def make_automation(slug: str = "writer", *, source: str = "form", **values: Any) -> Automation:
    """Make an automation without approval, with a source and no version."""
    defaults = {"name": slug.title(), "stage": "prototype", "approval_required": False}
    automation = Automation.objects.create(slug=slug, **{**defaults, **values})
    Source.objects.create(automation=automation, kind=source)
    return automation


def make_version(automation: Automation | None = None, **values: Any) -> Version:
    """Make a draft with the published length checks; `rules=[]` leaves them out."""
    automation = automation or make_automation()
    rules = values.pop("rules", PUBLISHED_RULES)
    provider = values.pop("provider", None) or Provider.objects.default()
    number = automation.versions.count() + 1
    version = Version.objects.create(
        automation=automation, number=number, provider=provider, **{"temperature": 0, **values}
    )
    for direction, kind, settings in rules:
        ValidatorRule.objects.create(
            version=version, direction=direction, kind=kind, settings=settings
        )
    return version


PUBLISHED_RULES: list[tuple[str, str, dict[str, Any]]] = [
    ("input", "length", {"min_stripped": 100, "max_raw": 50_000}),
    ("output", "length", {"min_stripped": 50, "max_raw": 1_300}),
]


def make_live(automation: Automation | None = None, **values: Any) -> Version:
    """Make a published version and point its automation at it."""
    version = make_version(automation, **values)
    Version.objects.filter(pk=version.pk).update(published_at=timezone.now())
    version.refresh_from_db()
    version.automation.live_version = version
    version.automation.save()
    return version


def make_destination(automation: Automation, **values: Any) -> Destination:
    count = automation.destinations.count()
    return Destination.objects.create(
        automation=automation, **{"name": f"Destination {count}", "kind": "store_only", **values}
    )


def make_run(version: Version | None = None, **values: Any) -> Run:
    """Make a queued run; a final status gets its completed_at."""
    version = version or make_live()
    now = timezone.now()
    defaults: dict[str, Any] = {
        "automation_id": version.automation.slug,
        "version": version,
        "provider_id": version.provider_id,
        "input_data": {"content": LONG_TEXT},
        "queued_at": now,
        "available_at": now,
    }
    if values.get("status") in Run.FINAL:
        defaults |= {"started_at": now, "completed_at": now, "execution_time_ms": 1200}
    return Run.objects.create(**{**defaults, **values})


def make_try(version: Version, **values: Any) -> Run:
    """Make a queued run of the playground."""
    return make_run(version, origin=Run.Origin.PLAYGROUND, is_simulated=True, **values)


def make_delivery(run: Run, destination: Destination, **values: Any) -> Delivery:
    key = Delivery.key_for(run.pk, destination.pk)
    return Delivery.objects.create(run=run, destination=destination, key=key, **values)


def make_token(user: User, *scopes: str, **values: Any) -> tuple[ApiToken, str]:
    """Make a token with all scopes, or those named; return it and its text."""
    made = bearer.make_token()
    defaults: dict[str, Any] = {
        "name": "A program",
        "prefix": made.prefix,
        "secret_hash": made.secret_hash,
        "scopes": list(scopes or SCOPES),
        "expires_at": timezone.now() + timedelta(days=1),
    }
    return ApiToken.objects.create(user=user, **{**defaults, **values}), made.text


def make_outside(http: OutboundClient | None = None) -> Outside:
    """Make what a destination may use; without a client nothing can be called."""

    async def start_run(slug: str, _input: dict[str, Any], parcel: Parcel) -> int:
        raise AssertionError(f"run {parcel.run_id} started a run of {slug}")

    return Outside(http or OutboundClient(Allowance.of("destination")), start_run)
