"""Source: a person, a trigger or the API gives the input with the run."""

from collections.abc import Mapping
from typing import Any

from automations.connectors.base import Source


class FormSource(Source):
    """Input typed into the form that the automation's input schema describes."""

    kind = "form"
    label = "Form"
    help = "The input is typed when a run is started, or comes with the API call."

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return "input given with each run"
