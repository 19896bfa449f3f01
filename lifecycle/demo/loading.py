"""Make the demo portfolio; loading it again changes nothing that exists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from automations import services
from automations.models import Automation, Destination, Provider, Source, ValidatorRule, Version
from lifecycle import evaluating
from lifecycle.demo import sampling
from lifecycle.demo.portfolio import PORTFOLIO, DemoAutomation

INPUTS = Path(__file__).parent / "inputs"
ARTICLE = INPUTS / "article.md"
LOGIN = "demo"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The names of the automations that were made, and of those that got sample rows."""

    made: list[str]
    filled: list[str]


def load() -> Loaded:
    """Create the demo automations and the sample history that are missing."""
    Provider.objects.default()
    known = set(Automation.objects.values_list("slug", flat=True))
    missing = [demo for demo in PORTFOLIO if demo.slug not in known]
    for demo in missing:
        with transaction.atomic():
            _create(demo)
    slugs = [demo.slug for demo in PORTFOLIO]
    there = Automation.objects.filter(slug__in=slugs).select_related("live_version")
    filled = sampling.add_missing(there, now=timezone.now())
    for automation in filled:
        evaluating.evaluate(automation)
    return Loaded([demo.slug for demo in missing], [automation.slug for automation in filled])


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
    if not demo.version:
        Automation.objects.filter(pk=automation.pk).update(stage=demo.stage)
        return
    _add_destination(automation, demo)
    version = _add_version(automation, demo.version, demo.rules)
    services.publish_version(version, by=services.SYSTEM)
    services.make_live(version, by=services.SYSTEM)
    Automation.objects.filter(pk=automation.pk).update(stage=demo.stage)


def _add_destination(automation: Automation, demo: DemoAutomation) -> None:
    name, kind, settings = demo.destination
    destination = Destination(automation=automation, name=name, kind=kind, settings=settings)
    destination.full_clean()
    destination.save()


def _add_version(
    automation: Automation, recipe: dict[str, Any], rules: list[tuple[str, str, dict[str, Any]]]
) -> Version:
    provider = Provider.objects.default()
    version = Version(automation=automation, number=1, provider=provider, **recipe)
    version.full_clean()
    version.save()
    for position, (direction, kind, settings) in enumerate(rules):
        rule = ValidatorRule(
            version=version, direction=direction, kind=kind, settings=settings, position=position
        )
        rule.full_clean()
        rule.save()
    return version


def make_login(password: str) -> User:
    """Make the demo's superuser, who owns what nobody owns; or give it this new password."""
    user, is_new = User.objects.get_or_create(
        username=LOGIN, defaults={"is_staff": True, "is_superuser": True}
    )
    if is_new:
        slugs = [demo.slug for demo in PORTFOLIO]
        Automation.objects.filter(slug__in=slugs, owner=None).update(owner=user)
    user.set_password(password)
    user.save()
    return user
