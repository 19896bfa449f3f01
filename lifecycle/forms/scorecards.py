"""The scorecard's form, made from the factors and questions; the form of a new idea."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.utils import timezone

from automations.models import Automation
from lifecycle import elput, scorecards
from lifecycle.elput import Factor
from lifecycle.models import Scorecard
from lifecycle.services.scorecards import NOTE_LENGTH, REASON_LENGTH, RESERVED, Details

MIDDLE = 5
UNTOUCHED = "Nothing was judged yet: answer a question or write a reason."
LONGEST_SLUG = 80


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with its two fields."""

    text: str
    answer: forms.BoundField
    note: forms.BoundField


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one factor, and its value on the newest scorecard."""

    factor: Factor
    value: forms.BoundField
    reason: forms.BoundField
    questions: tuple[Asked, ...]
    before: int | None
    is_open: bool

    @property
    def direction(self) -> str:
        return "Lower is better" if self.factor.lower_is_better else "Higher is better"


class ValuesForm(forms.Form):
    """The five values and the answers: what a preview needs."""

    def __init__(self, data: Any = None, *, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial=dict(initial or {}))
        for factor in elput.FACTORS:
            self.fields[factor.key] = _slider(factor)
            for question in factor.questions:
                self.fields[f"q_{question.key}"] = _choice(question.text)

    @property
    def values(self) -> dict[str, int]:
        return {key: self.cleaned_data[key] for key in elput.KEYS}

    @property
    def answers(self) -> dict[str, dict[str, str]]:
        """The answers with their notes, by question; what was left out is unknown."""
        return {
            question.key: {
                "answer": self.cleaned_data.get(f"q_{question.key}") or scorecards.UNKNOWN,
                "note": self.cleaned_data.get(f"n_{question.key}", ""),
            }
            for factor in elput.FACTORS
            for question in factor.questions
        }


def _slider(factor: Factor) -> forms.IntegerField:
    low, high = factor.ends
    direction = "Lower is better" if factor.lower_is_better else "Higher is better"
    attrs = {"class": "slider slider-down" if factor.lower_is_better else "slider", "step": 1}
    wrong = dict.fromkeys(("required", "invalid", "min_value", "max_value"), elput.OUT_OF_RANGE)
    return forms.IntegerField(
        label=factor.label,
        min_value=elput.LOWEST,
        max_value=elput.HIGHEST,
        initial=MIDDLE,
        error_messages=wrong,
        help_text=f"{direction}: 1 {low}, 10 {high}.",
        widget=forms.NumberInput(attrs={**attrs, "type": "range", "data-score": ""}),
    )


def _choice(text: str) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=text,
        choices=list(scorecards.ANSWERS.items()),
        initial=scorecards.UNKNOWN,
        required=False,
        error_messages={"invalid_choice": "Answer with yes, no or unknown."},
        widget=forms.RadioSelect(attrs={"data-score": ""}),
    )


class ScorecardForm(ValuesForm):
    """A whole scorecard; `newest` is what it will replace, `source` what it is filled from."""

    date = forms.DateField(
        label="Date",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Write the date as YYYY-MM-DD."},
    )
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What should be remembered about this assessment.",
    )

    def __init__(
        self, data: Any = None, *, newest: Scorecard | None, source: Scorecard | None
    ) -> None:
        super().__init__(data, initial=_from(source))
        self.newest = newest
        for factor in elput.FACTORS:
            self.fields[f"reason_{factor.key}"] = _reason(factor)
            for question in factor.questions:
                self.fields[f"n_{question.key}"] = _note(question.text)

    def factors(self) -> list[Fields]:
        """Return the fields by factor, in order."""
        return [self._factor(factor) for factor in elput.FACTORS]

    def _factor(self, factor: Factor) -> Fields:
        questions = tuple(
            Asked(q.text, self[f"q_{q.key}"], self[f"n_{q.key}"]) for q in factor.questions
        )
        reason = self[f"reason_{factor.key}"]
        before = self.newest.values[factor.key] if self.newest else None
        return Fields(factor, self[factor.key], reason, questions, before, bool(reason.errors))

    def details(self, simplified_from: Scorecard | None) -> Details:
        """Return what stands beside the values, as it is kept."""
        given = self.cleaned_data
        return Details(
            answers=self.answers,
            reasons={key: given[f"reason_{key}"] for key in elput.KEYS},
            note=given["note"],
            date=given["date"],
            simplified_from=simplified_from,
        )

    def clean(self) -> dict[str, Any]:
        """Ask for a reason where a value moved far, and for one judgement on a first scorecard."""
        given = self.cleaned_data
        if all(given.get(key) for key in elput.KEYS):
            reasons = {key: given.get(f"reason_{key}", "") for key in elput.KEYS}
            wanted = scorecards.unexplained(self.newest, self.values, reasons)
            for key, sentence in wanted.items():
                self.add_error(f"reason_{key}", sentence)
            if self.newest is None and self._is_untouched():
                self.add_error(None, UNTOUCHED)
        return given

    def _is_untouched(self) -> bool:
        """Tell whether every value is the first one shown, and nothing is answered or written."""
        given = self.cleaned_data
        judged = any(row["note"] or row["answer"] != scorecards.UNKNOWN
                     for row in self.answers.values())  # fmt: skip
        written = any(given.get(f"reason_{key}", "").strip() for key in elput.KEYS)
        return set(self.values.values()) == {MIDDLE} and not judged and not written


def _reason(factor: Factor) -> forms.CharField:
    return forms.CharField(
        label=f"Why this value for {factor.label.lower()}?",
        required=False,
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


def _note(text: str) -> forms.CharField:
    attrs = {"placeholder": "Note", "aria-label": f"Note: {text}"}
    widget = forms.TextInput(attrs=attrs)
    return forms.CharField(label="Note", required=False, max_length=NOTE_LENGTH, widget=widget)


def _from(source: Scorecard | None) -> dict[str, Any]:
    """Return what a new scorecard starts with: the values, reasons and answers of another."""
    initial: dict[str, Any] = {"date": timezone.localdate()}
    if source is None:
        return initial
    for factor in elput.FACTORS:
        initial[factor.key] = source.values[factor.key]
        initial[f"reason_{factor.key}"] = scorecards.reason_of(source, factor.key)
        for question in factor.questions:
            initial[f"q_{question.key}"] = scorecards.answer_to(source.answers, question)
            initial[f"n_{question.key}"] = scorecards.note_to(source.answers, question)
    return initial


class IdeaForm(forms.ModelForm):  # type: ignore[type-arg]
    """What is known of an idea on its first day."""

    class Meta:
        model = Automation
        fields = ["name", "slug", "summary", "owner", "deputy"]
        labels = {"slug": "Short name", "summary": "What it does"}
        help_texts = {
            "slug": "In addresses and tables, like content_repurposer; it never changes. "
            "Left empty, it is made from the name.",
            "summary": "One sentence: what goes in, what comes out, for whom.",
        }
        widgets = {"summary": forms.Textarea(attrs={"rows": 2})}

    def __init__(self, data: Any = None, *, by: Any) -> None:
        super().__init__(data, initial={"owner": by.pk})
        people = get_user_model().objects.filter(is_active=True).order_by("username")
        for name in ("owner", "deputy"):
            field: Any = self.fields[name]
            field.queryset, field.empty_label = people, "Nobody yet"
        self.fields["slug"].required = False
        self.fields["slug"].widget.attrs.update(autocapitalize="off", spellcheck="false")

    def clean_slug(self) -> str:
        """Make a short name where none was typed."""
        return self.cleaned_data["slug"] or suggest_slug(self.cleaned_data.get("name", ""))


def suggest_slug(name: str) -> str:
    """Return a free short name made from a name: "Invoice reader (EU)" is invoice_reader_eu."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[: LONGEST_SLUG - 5].strip("_")
    if not re.match(r"[a-z][a-z0-9_]", stem):
        stem = f"idea_{stem}".rstrip("_")
    taken = set(Automation.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    taken |= RESERVED
    numbered = (f"{stem}_{number}" for number in range(2, len(taken) + 3))
    return stem if stem not in taken else next(slug for slug in numbered if slug not in taken)
