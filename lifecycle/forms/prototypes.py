"""What is filled in about prototypes, success criteria and failure modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

from automations.forms import AnyText
from lifecycle.models import Criterion, Prototype
from lifecycle.services.criteria import MAX_NOTE
from lifecycle.services.failure_modes import MAX_RESPONSE, MAX_TITLE
from lifecycle.services.prototypes import MAX_REASON, MOST_HOURS

if TYPE_CHECKING:
    CriterionModelForm = forms.ModelForm[Criterion]
else:
    CriterionModelForm = forms.ModelForm


def reason_field(help_text: str, label: str = "Reason") -> forms.CharField:
    """Return a field for a reason; whether one is needed is the verb's to say."""
    area = forms.Textarea(attrs={"rows": 3})
    return forms.CharField(
        label=label, required=False, max_length=MAX_REASON, widget=area, help_text=help_text
    )


class StartForm(forms.Form):
    """Starting the clock by hand."""

    reason = reason_field("Needed because of what speaks against it; it is kept and shown.")


class ExtendForm(forms.Form):
    """More time."""

    hours = forms.IntegerField(
        min_value=1,
        max_value=MOST_HOURS,
        initial=24,
        help_text=f"1 to {MOST_HOURS}, from its end, or from now when that has passed.",
    )
    reason = reason_field("What is missing, and why it is worth waiting for.")


class VerdictForm(forms.Form):
    """The end of a prototype."""

    verdict = forms.ChoiceField(choices=Prototype.Verdict, widget=forms.RadioSelect)
    reason = reason_field("Needed when the verdict is another one than the four criteria suggest.")

    prefix = "end"


class CriterionForm(CriterionModelForm):
    """An aim: metric, operator, number."""

    metric = forms.ChoiceField(choices=[("", "Choose"), *Criterion.Metric.choices])
    operator = forms.ChoiceField(choices=[("", "Choose"), *Criterion.Operator.choices])
    number = forms.DecimalField(
        max_digits=14, decimal_places=4, widget=forms.NumberInput(attrs={"step": "any"})
    )
    note = forms.CharField(
        required=False, max_length=MAX_NOTE, help_text="Why this number, or what it rests on."
    )

    class Meta:
        model = Criterion
        fields = ("metric", "operator", "number", "note")

    def validate_unique(self) -> None:
        """Leave it to the verb, which says it in a sentence."""


class FailureModeForm(forms.Form):
    """A way to fail, and what is done about it."""

    title = forms.CharField(
        label="What goes wrong", required=False, max_length=MAX_TITLE,
        help_text="In a few words, for example “The source is empty on Mondays”.",
    )  # fmt: skip
    response = AnyText(
        label="What is done about it",
        required=False,
        max_length=MAX_RESPONSE,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What you do when it happens, or did against it.",
    )
