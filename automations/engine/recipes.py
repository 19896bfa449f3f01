"""The recipe of a version as the runner uses it, loaded once and kept for a moment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from automations import connectors, validators
from automations.connectors.base import Destination as DestinationKind
from automations.connectors.base import Source as SourceKind
from automations.models import Destination, Provider, Source, ValidatorRule, Version
from automations.validators.base import Validator

KEPT_S = 2.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """A published version with everything a run of it needs."""

    automation: str
    system_prompt: str
    user_prompt: str
    examples: list[dict[str, Any]]
    models: list[str]
    temperature: float
    max_output_tokens: int
    parameters: dict[str, Any]
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    output_template: str
    max_attempts: int
    max_repairs: int
    call_timeout_s: int
    deadline_s: int
    approval_required: bool
    input_validators: list[Validator]
    output_validators: list[Validator]
    source: SourceKind | None
    destinations: dict[int, DestinationKind]
    active: list[int]
    provider: Provider


@dataclass(slots=True)
class Recipes:
    """Loads recipes; what a person changes (destinations, approval) is seen within two seconds."""

    _kept: dict[int, tuple[float, Recipe]] = field(default_factory=dict)

    def get(self, version_id: int) -> Recipe:
        """Return the version's recipe (blocking: one database thread)."""
        until, recipe = self._kept.get(version_id, (0.0, None))
        if recipe is None or time.monotonic() >= until:
            recipe = load(version_id)
            self._kept[version_id] = (time.monotonic() + KEPT_S, recipe)
        return recipe

    def fresh(self, version_id: int) -> Recipe | None:
        """Return the recipe if it is at hand, without asking the database."""
        until, recipe = self._kept.get(version_id, (0.0, None))
        return recipe if time.monotonic() < until else None


def load(version_id: int) -> Recipe:
    """Read a version, its rules, its automation's source and destinations."""
    version = Version.objects.select_related("automation", "provider").get(pk=version_id)
    automation = version.automation
    rows = list(Destination.objects.filter(automation=automation))
    source = Source.objects.filter(automation=automation).first()
    rules = list(version.validator_rules.all())
    return Recipe(
        automation=automation.slug,
        system_prompt=version.system_prompt,
        user_prompt=version.user_prompt,
        examples=version.examples,
        models=[version.model, *version.fallback_models],
        temperature=version.temperature,
        max_output_tokens=version.max_output_tokens,
        parameters=version.parameters,
        input_schema=automation.input_schema,
        output_schema=version.output_schema,
        output_template=version.output_template,
        max_attempts=version.max_attempts,
        max_repairs=version.max_repairs,
        call_timeout_s=version.call_timeout_s,
        deadline_s=version.deadline_s,
        approval_required=automation.approval_required,
        input_validators=_validators(rules, ValidatorRule.Direction.INPUT),
        output_validators=_validators(rules, ValidatorRule.Direction.OUTPUT),
        source=connectors.sources.get(source.kind)(source.settings) if source else None,
        destinations={d.pk: connectors.destination_of(d.kind, d.settings) for d in rows},
        active=[d.pk for d in rows if d.is_active],
        provider=version.provider,
    )


def _validators(rules: list[ValidatorRule], direction: str) -> list[Validator]:
    made = [
        validators.registry.get(rule.kind)(rule.settings)
        for rule in rules
        if rule.direction == direction
    ]
    for validator in made:  # here and not in the loop: a recipe is loaded in the database's thread
        validator.prepare()
    return made
