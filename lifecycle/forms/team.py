"""The form of the team's own rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from lifecycle import elput
from lifecycle.models import Team

OWN = "own"
PRESETS = [
    *(
        (key, f"{label}: {' / '.join(weights.values())}")
        for key, (label, weights) in elput.PRESETS.items()
    ),
    (OWN, "Own weights"),
]


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]
    """The rules; weights are a preset, or five numbers that sum to exactly 1."""

    preset = forms.ChoiceField(label="Weights", choices=PRESETS, widget=forms.RadioSelect)

    class Meta:
        model = Team
        fields = [
            "formula",
            "quality_gate",
            "second_person",
            "hour_rate_usd",
            "review_rate_usd",
            "owed_days",
        ]
        labels = {
            "formula": "Formula that decides",
            "quality_gate": "Box 5, useful outputs, is met by",
            "second_person": "A second person for production",
            "hour_rate_usd": "Value of an hour saved, in $",
            "review_rate_usd": "Cost of an hour of review, in $",
            "owed_days": "Days to pay owed boxes",
        }
        help_texts = {
            "hour_rate_usd": "Turns hours saved into money. Empty: each period says it itself.",
            "review_rate_usd": "What a reviewer's hour costs; 0 leaves it out of the profit.",
            "owed_days": "How long a box may stay open after its phase was left.",
        }
        widgets = {"formula": forms.RadioSelect, "quality_gate": forms.RadioSelect}

    def __init__(self, data: Any = None, *, instance: Team, read_only: bool = False) -> None:
        super().__init__(data, instance=instance, initial={"preset": preset_of(instance)})
        for factor in elput.FACTORS:
            self.fields[f"weight_{factor.key}"] = forms.DecimalField(
                label=factor.label,
                required=False,
                min_value=Decimal(0),
                max_value=Decimal(1),
                max_digits=5,
                decimal_places=elput.DIGITS,
                initial=instance.weights.get(factor.key, ""),
                widget=forms.NumberInput(attrs={"step": "0.01", "inputmode": "decimal"}),
            )
        for field in self.fields.values():
            field.disabled = read_only

    @property
    def own_weights(self) -> list[forms.BoundField]:
        return [self[f"weight_{key}"] for key in elput.KEYS]

    def clean(self) -> dict[str, Any]:
        """Put the weights together; the sentence names what they sum to."""
        given = super().clean() or {}
        chosen = given.get("preset")
        own = self._own(given) if chosen == OWN else {}
        # Where nothing fits the form is not saved; the row is judged with it all the same.
        _, preset = elput.PRESETS.get(chosen or "", ("", elput.equal_weights()))
        self.instance.weights = own or dict(preset)
        return given

    def _own(self, given: dict[str, Any]) -> dict[str, str]:
        typed = {key: given.get(f"weight_{key}") for key in elput.KEYS}
        missing = [key for key in elput.KEYS if typed[key] is None]
        for key in missing:
            if not self.has_error(f"weight_{key}"):
                self.add_error(f"weight_{key}", "Write a number from 0 to 1.")
        try:
            return {} if missing else weight_texts(typed)
        except ValueError as error:
            self.add_error("preset", str(error))
            return {}


def weight_texts(typed: dict[str, Any]) -> dict[str, str]:
    """Return weights as they are stored: texts with at least two digits.

    Raises:
        ValueError: they do not sum to 1.
    """
    parts = elput.weights_of(typed)
    return {key: elput.weight_in_words(part) for key, part in parts.items()}


def preset_of(team: Team) -> str:
    """Return the key of the preset that the team's weights are."""
    try:
        parts = elput.weights_of(team.weights)
    except ValueError:
        return OWN
    named = {key: elput.weights_of(weights) for key, (_, weights) in elput.PRESETS.items()}
    return next((key for key, weights in named.items() if weights == parts), OWN)
