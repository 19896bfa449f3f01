"""Where a secret stands in plain text: in the live version, or in the automation's settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from automations.models import Trigger
from automations.redaction import find_secrets
from lifecycle.evidence.subject import Subject


def found_in(subject: Subject) -> list[str]:
    """Return the places in which the scan finds what looks like a secret; never the secret."""
    return [place for place, text in _texts(subject) if find_secrets(text)]


def _texts(subject: Subject) -> Iterator[tuple[str, str]]:
    version, automation = subject.live, subject.automation
    if version is not None:
        yield "the system prompt", version.system_prompt
        yield "the user prompt", version.user_prompt
        yield "the output template", version.output_template
        yield "the version's note", version.note
        yield "the examples", _text(version.examples)
        yield "the parameters", _text(version.parameters)
        yield "the output schema", _text(version.output_schema)
    for rule in subject.rules:
        yield f"the {rule.direction} check {rule.kind}", _text(rule.settings)
    yield "the summary", automation.summary
    yield "the input schema", _text(automation.input_schema)
    source = getattr(automation, "source", None)
    if source is not None:
        yield "the source's settings", _text(source.settings)
    for destination in automation.destinations.all():
        yield f"the settings of {destination.name}", _text(destination.settings)
    for trigger in Trigger.objects.filter(automation=automation):
        yield f"the settings of the {trigger.kind} trigger", _text(trigger.settings)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
