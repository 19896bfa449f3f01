"""The verb that starts an automation from a recipe that exists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation, Destination, Provider, Source, ValidatorRule, Version
from automations.services import require
from lifecycle.services.scorecards import RESERVED


class Recipe(Protocol):
    """What a template says: texts, an input schema, a version's fields, its checks."""

    @property
    def summary(self) -> str: ...
    @property
    def input_schema(self) -> dict[str, Any]: ...
    @property
    def version(self) -> dict[str, Any] | None: ...
    @property
    def rules(self) -> Sequence[tuple[str, str, dict[str, Any]]]: ...


def start_from_template(recipe: Recipe, *, name: str, slug: str, by: Actor) -> Automation:
    """Make an idea of one's own with a copy of a recipe as its first draft.

    Its outputs stay with their runs, and a person approves each, until that is changed.

    Raises:
        NotAllowed: the person may not add automations.
        ValidationError: the name or slug is no good, or the slug is taken.
    """
    require(by, "automations.add_automation")
    automation = Automation(
        slug=slug,
        name=name,
        summary=recipe.summary,
        input_schema=recipe.input_schema,
        owner_id=by.pk if by else None,
    )
    if slug in RESERVED:
        raise ValidationError({"slug": f"“{slug}” is an address of ours; add a word."})
    automation.full_clean()
    try:
        with transaction.atomic():
            _create(automation, recipe, by)
    except IntegrityError as error:
        message = f"Another automation is called {slug} by now; choose another short name."
        raise WrongState(message) from error
    return automation


def _create(automation: Automation, recipe: Recipe, by: Actor) -> None:
    automation.save()
    Source.objects.create(automation=automation, kind="form")
    Destination.objects.create(automation=automation, name="Kept here", kind="store_only")
    record("create automation", automation, by=by, after={"stage": automation.stage})
    version = Version(
        automation=automation,
        number=1,
        provider=Provider.objects.default(),
        created_by_id=by.pk if by else None,
        **(recipe.version or {}),
    )
    version.full_clean()
    version.save()
    for position, (direction, kind, settings) in enumerate(recipe.rules):
        rule = ValidatorRule(
            version=version, direction=direction, kind=kind, settings=settings, position=position
        )
        rule.full_clean()
        rule.save()
    record("create draft", version, by=by)
