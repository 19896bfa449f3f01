"""Make the demo portfolio; loading it again changes nothing that exists."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction

from automations import services
from automations.models import Automation, Destination, Provider, Source, ValidatorRule, Version
from lifecycle.demo.portfolio import PORTFOLIO, DemoAutomation

INPUTS = Path(__file__).parent / "inputs"
ARTICLE = INPUTS / "article.md"
LOGIN = "demo"


def load() -> list[str]:
    """Create the demo automations that are missing; return the slugs of the new ones."""
    Provider.objects.default()
    known = set(Automation.objects.values_list("slug", flat=True))
    missing = [demo for demo in PORTFOLIO if demo.slug not in known]
    for demo in missing:
        with transaction.atomic():
            _create(demo)
    return [demo.slug for demo in missing]


def _create(demo: DemoAutomation) -> None:
    automation = Automation(
        slug=demo.slug,
        name=demo.name,
        summary=demo.summary,
        input_schema=demo.input_schema,
        approval_required=False,
        stage=Automation.Stage.PROTOTYPE,
    )
    automation.full_clean()
    automation.save()
    Source.objects.create(automation=automation, kind="form")
    _add_destination(automation, demo)
    version = _add_version(automation, demo)
    services.publish_version(version, by=services.SYSTEM)
    services.make_live(version, by=services.SYSTEM)
    Automation.objects.filter(pk=automation.pk).update(stage=demo.stage)


def _add_destination(automation: Automation, demo: DemoAutomation) -> None:
    name, kind, settings = demo.destination
    destination = Destination(automation=automation, name=name, kind=kind, settings=settings)
    destination.full_clean()
    destination.save()


def _add_version(automation: Automation, demo: DemoAutomation) -> Version:
    provider = Provider.objects.default()
    version = Version(automation=automation, number=1, provider=provider, **demo.version)
    version.full_clean()
    version.save()
    for position, (direction, kind, settings) in enumerate(demo.rules):
        rule = ValidatorRule(
            version=version, direction=direction, kind=kind, settings=settings, position=position
        )
        rule.full_clean()
        rule.save()
    return version


def make_login(password: str) -> User:
    """Make the demo's superuser, or give it this new password."""
    user, _ = User.objects.get_or_create(
        username=LOGIN, defaults={"is_staff": True, "is_superuser": True}
    )
    user.set_password(password)
    user.save()
    return user
