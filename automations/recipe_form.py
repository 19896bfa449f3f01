"""The form of a draft's recipe, and what it remembers of the version it was opened on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.serializers.json import DjangoJSONEncoder
from django.http import QueryDict

from automations.forms import AnyText
from automations.models import Version
from automations.recipes import EDITED, marks_of
from automations.text import clean_text

MOST_MODELS = 10
LONGEST_NAME = 120
CODE = {"class": "mono", "spellcheck": "false", "autocapitalize": "off"}
LISTS = ("examples",)
OBJECTS = ("parameters",)


class IndentedJSON(DjangoJSONEncoder):
    """JSON as people edit it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "indent": 2, "ensure_ascii": False})


class OneLine(forms.CharField):
    """A line of text with what no database stores replaced."""

    def to_python(self, value: Any) -> str:
        """Return the text, trimmed."""
        return clean_text(super().to_python(value) or "").text


class Names(forms.CharField):
    """Names, one per line, kept as a list; the same name twice counts once."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> str:
        """Show a list as lines, and what was typed as it was."""
        return value if isinstance(value, str) else "\n".join(str(name) for name in value or [])

    def to_python(self, value: Any) -> Any:
        """Return the names.

        Raises:
            ValidationError: too many, or one is too long.
        """
        lines = clean_text(value or "").text.splitlines()
        names = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
        if len(names) > MOST_MODELS:
            raise forms.ValidationError(f"Name at most {MOST_MODELS} models; the first one counts.")
        long = next((name for name in names if len(name) > LONGEST_NAME), "")
        if long:
            raise forms.ValidationError(
                f"“{long[:30]}…” has {len(long):,} characters; at most {LONGEST_NAME} are allowed."
            )
        return names

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare lists with lists."""
        return bool(list(initial or []) != self.to_python(data))


def _prompt(rows: int, label: str, words: str, *, required: bool) -> AnyText:
    widget = forms.Textarea(attrs={**CODE, "rows": rows})
    return AnyText(label=label, help_text=words, required=required, widget=widget)


class RecipeForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A draft's recipe; `seen` says what was stored when the form was opened."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))
    note = OneLine(
        max_length=200, required=False, help_text="What is different, and why; lists show it."
    )
    system_prompt = _prompt(
        10, "System prompt", "Who the model is, and the rules it keeps to.", required=False
    )
    user_prompt = _prompt(8, "User prompt", "The request itself, with the input in it.",
                          required=True)  # fmt: skip
    model = OneLine(
        max_length=LONGEST_NAME, required=False, help_text="Empty: the provider's usual model."
    )
    fallback_models = Names(
        required=False,
        widget=forms.Textarea(attrs={**CODE, "rows": 3}),
        help_text="One per line, tried in this order when a model is gone or too small.",
    )
    output_template = _prompt(
        4, "Output template", "Composes the text from the schema's fields.", required=False
    )

    class Meta:
        model = Version
        fields = EDITED
        labels: ClassVar = {
            "max_output_tokens": "Tokens of an answer, at most",
            "parameters": "Further parameters",
            "max_attempts": "Attempts, at most",
            "max_repairs": "Repairs, at most",
            "call_timeout_s": "Time limit of a call, in seconds",
            "deadline_s": "Time limit of a run, in seconds",
        }
        help_texts: ClassVar = {
            "temperature": "0 repeats itself, 2 is wild.",
            "max_repairs": "How often an answer that fails its checks is sent back to be mended.",
        }
        widgets: ClassVar = {
            "examples": forms.Textarea(attrs={**CODE, "rows": 5}),
            "parameters": forms.Textarea(attrs={**CODE, "rows": 3}),
            "output_schema": forms.Textarea(attrs={**CODE, "rows": 8}),
            "temperature": forms.NumberInput(attrs={"step": "any", "min": 0, "max": 2}),
        }

    def __init__(self, data: Any = None, *, instance: Version) -> None:
        super().__init__(data, instance=instance)
        self.initial["seen"] = json.dumps(marks_of(instance), separators=(",", ":"))
        self.fields["note"].widget.attrs["autocomplete"] = "off"
        provider: Any = self.fields["provider"]
        provider.empty_label = None
        for name in ("examples", "parameters", "output_schema"):
            field: Any = self.fields[name]
            field.encoder = IndentedJSON

    def clean_examples(self) -> Any:
        """Take nothing for no examples."""
        return self.cleaned_data["examples"] or []

    def clean_parameters(self) -> Any:
        """Take nothing for no parameters."""
        typed = self.cleaned_data["parameters"]
        return {} if typed is None else typed

    def clean_output_schema(self) -> Any:
        """Take an empty schema for none."""
        return self.cleaned_data["output_schema"] or None

    @property
    def seen_marks(self) -> dict[str, str]:
        """What was stored when the form was opened; empty if it cannot be told."""
        try:
            marks = json.loads(self.data.get("seen", ""))
        except ValueError:
            return {}
        return {str(k): str(v) for k, v in marks.items()} if isinstance(marks, dict) else {}


def merged(
    typed: QueryDict, mine: Version, stored: Version, names: frozenset[str]
) -> tuple[QueryDict, list[str]]:
    """Return the form's data brought up to what is stored, and the fields that both changed.

    `names` are the fields that somebody else has changed. Those that this person has left alone
    take the other's value; everything that was typed stays.
    """
    form = RecipeForm(instance=stored)
    seen = RecipeForm(typed, instance=mine).seen_marks
    mine_marks, stored_marks = marks_of(mine), marks_of(stored)
    data, both = typed.copy(), []
    data["seen"] = str(form.initial["seen"])
    for name in (name for name in EDITED if name in names):
        if mine_marks[name] == seen.get(name):
            data[name] = _shown(form, name)
        elif mine_marks[name] != stored_marks[name]:
            both.append(name)
    return data, both


def _shown(form: RecipeForm, name: str) -> str:
    value = form[name].value()
    return "" if value is None else str(value)


def titles_of(version: Version) -> Mapping[str, str]:
    """Return the names that prompts may use, with the title of each input field."""
    properties = version.automation.input_schema.get("properties", {})
    return {name: str(spec.get("title") or name) for name, spec in properties.items()}
