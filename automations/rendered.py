"""The messages of a run's last call, rebuilt for people who may see prompts."""

from __future__ import annotations

from automations import messages
from automations.errors import Problem
from automations.models import Run
from automations.redaction import redact


def prompt_of(run: Run) -> list[messages.Message]:
    """Render what the model is asked, repairs included; empty where it cannot be rebuilt.

    Secrets that found their way into an input are taken out: this text is shown.
    """
    if run.version is None or not run.input_data:
        return []
    boundary = messages.boundary_for(run.pk)
    try:
        built = messages.build(
            run.version, run.input_data, dialogue=run.dialogue, boundary=boundary
        )
    except Problem:
        return []
    return [{**message, "content": redact(message["content"])} for message in built]
