"""Destination: another automation, which starts a run on the output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from automations.connectors import parcels
from automations.connectors.base import IDEMPOTENT, Destination, Outside, Parcel, Preview, Receipt

USUAL_INPUT = '{"content": "{{ text }}"}'


class AutomationForm(forms.Form):
    """Which automation goes on, and what it gets as input."""

    automation = forms.SlugField(
        label="Automation",
        help_text="It starts one run per output, on the version that is live there.",
    )
    input = forms.CharField(
        label="Its input",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "monospace"}),
        help_text=f"A JSON object; {USUAL_INPUT} when empty. Known in strings: "
        f"{parcels.names_in_words()}.",
    )

    def clean_input(self) -> str:
        """Refuse what does not become an object."""
        template: str = self.cleaned_data["input"] or USUAL_INPUT
        faults = parcels.json_faults(template)
        if not faults and not isinstance(json.loads(template), dict):
            faults = [f"Write a JSON object, like {USUAL_INPUT}."]
        if faults:
            raise forms.ValidationError(faults)
        return template


class AutomationDestination(Destination):
    """Starts one run of another automation per parcel, however often it is delivered."""

    kind = "automation"
    label = "Another automation"
    help = "Starts a run of another automation on each output."
    settings_form = AutomationForm
    promise = IDEMPOTENT

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return f"starts {settings['automation']}"

    @property
    def promise_sentence(self) -> str:
        return "Tried again after a failure; the other automation runs once per output."

    async def deliver(self, parcel: Parcel, outside: Outside) -> Receipt:
        run_id = await outside.start_run(
            self.settings["automation"], self.input_for(parcel), parcel
        )
        return Receipt(f"run {run_id} of {self.settings['automation']}", {"run": run_id})

    async def test(self, outside: Outside) -> str:
        return "There is nothing to reach; the dry run shows the input that it would get."

    def preview(self, parcel: Parcel) -> Preview:
        """Show the input that the other automation would get."""
        shown = json.dumps(self.input_for(parcel), ensure_ascii=False, indent=2)
        return Preview(self.summary(self.settings), [("Input", shown)])

    def input_for(self, parcel: Parcel) -> dict[str, Any]:
        """Return the input that a parcel makes. Raises `DeliveryProblem` for a missing field."""
        template = self.settings.get("input") or USUAL_INPUT
        made: dict[str, Any] = json.loads(parcels.filled_json(template, parcel))
        return made

    def fields(self) -> set[str]:
        """Return the names of the input's fields, whatever the parcel."""
        return set(json.loads(self.settings.get("input") or USUAL_INPUT))
