"""Whether what one automation hands on is what the next one takes as its input."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from automations import connectors, prompts, schemas
from automations.connectors import Parcel
from automations.connectors.automation import AutomationDestination
from automations.connectors.problems import DeliveryProblem
from automations.models import Automation, Destination, Version
from automations.schemas.samples import filled_out

EXAMPLE_TEXT = "This is an example: the automation has no output of its own yet."


def example_parcel(row: Destination) -> Parcel:
    """Return a parcel as the automation would make it, before it has made any."""
    version = row.automation.live_version or row.automation.versions.order_by("-pk").first()
    text, data = _example_output(version)
    return Parcel(
        key=f"run-0-{row.pk}",
        run_id=0,
        automation=row.automation.slug,
        text=text,
        data=data,
        created_at=timezone.now(),
    )


def _example_output(version: Version | None) -> tuple[str, Any]:
    if version is None or not version.output_schema:
        return EXAMPLE_TEXT, None
    data = filled_out(version.output_schema)
    if not version.output_template or not isinstance(data, dict):
        return json.dumps(data, ensure_ascii=False), data
    named = {name: data.get(name, "") for name in prompts.names_in(version.output_template)}
    return prompts.render(version.output_template, named), data


def require_fit(row: Destination, target: Automation) -> None:
    """Refuse a chain of which every run would be refused.

    Raises:
        ValidationError: the input lacks a field that `target` needs, or has one of another type.
    """
    kind = connectors.destination_of(row.kind, row.settings)
    if isinstance(kind, AutomationDestination) and (faults := _faults(kind, row, target)):
        raise ValidationError({"input": f"{target} does not take this: {' '.join(faults)}"})


def misfits(row: Destination, parcel: Parcel, *, is_example: bool) -> list[str]:
    """Return why the next automation would refuse this parcel; empty for other destinations.

    Of an example only the fields and their types count: its values are made up.
    """
    kind = connectors.destination_of(row.kind, row.settings)
    if not isinstance(kind, AutomationDestination):
        return []
    target = Automation.objects.filter(slug=row.settings["automation"]).first()
    if target is None:
        return [f"There is no automation {row.settings['automation']}; choose another."]
    if is_example:
        return _faults(kind, row, target)
    return schemas.errors_in(kind.input_for(parcel), target.input_schema)


def _faults(kind: AutomationDestination, row: Destination, target: Automation) -> list[str]:
    try:
        made = kind.input_for(example_parcel(row))
    except DeliveryProblem:
        # What the template names is not known yet: then only the names of the fields count.
        names, needed = kind.fields(), target.input_schema.get("required", [])
        return [f"“{name}” is missing." for name in needed if name not in names]
    return schemas.errors_in(made, schemas.shape_of(target.input_schema))
