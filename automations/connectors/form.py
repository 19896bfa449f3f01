"""Source: a person, a trigger or the API gives the input with the run."""

from collections.abc import Mapping
from typing import Any

from automations.connectors.base import Source


class FormSource(Source):
    """Input that comes along: typed, sent to a webhook, with the API call, with the chain."""

    kind = "form"
    label = "Comes with each run"
    help = (
        "The input comes with what starts the run: the form that a person fills in, the body of "
        "a webhook call, the API, a batch file, or another automation that hands on its output."
    )

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return "input given with each run: form, webhook, API or batch"
