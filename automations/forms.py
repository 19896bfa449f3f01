"""Forms made from data: the run form from an input schema, connection forms from their kinds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from automations import connectors, documents
from automations.connectors.upload import UploadSource
from automations.errors import Problem
from automations.inputs import placed
from automations.models import Automation
from automations.schemas import InputField, fields_of, text_field
from automations.text import clean_text, human_size

EITHER = "Type or paste a text, or choose a file."


class AnyText(forms.CharField):
    """Text kept as it was typed: not trimmed, line ends as one character, storable everywhere."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)

    def to_python(self, value: Any) -> str:
        """Undo what browsers do to line ends, and replace what no database stores."""
        return clean_text((value or "").replace("\r\n", "\n")).text


class RunForm(forms.Form):
    """The input of one run, a field per property of the automation's input schema.

    Plain text (`content`, else the first text field if it is a long one) may come as an uploaded
    document instead; for an upload source it must.
    """

    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, automation: Automation, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files, initial={"key": uuid.uuid4()})
        self.automation = automation
        self.problem: Problem | None = None
        source = getattr(automation, "source", None)
        self.only_upload = source is not None and source.kind == UploadSource.kind
        self.text_name = text_field(automation.input_schema)
        for field in fields_of(automation.input_schema):
            self._add(field)

    @property
    def takes_file(self) -> bool:
        return "file" in self.fields

    def _add(self, field: InputField) -> None:
        fits = field.kind == "textarea" or (self.only_upload and field.kind == "text")
        takes_file = field.name == self.text_name and fits
        if not (takes_file and self.only_upload):
            made = form_field(field)
            made.required = made.required and not takes_file
            self.fields[f"in_{field.name}"] = made
        if takes_file:
            self.fields["file"] = _file_field(required=self.only_upload)

    def clean_file(self) -> dict[str, Any] | None:
        """Read the file. Its problem is kept: an input that cannot be read is a failed run."""
        upload: UploadedFile[Any] | None = self.cleaned_data.get("file")
        if upload is None:
            return None
        try:
            _require_size(upload)
            read = UploadSource({}).from_upload(upload.name or "", upload.read())
            return placed(read, self.automation.input_schema)
        except Problem as problem:
            self.problem = problem
            raise forms.ValidationError(problem.message) from problem

    def clean(self) -> dict[str, Any]:
        """Take the text from one place: typed or chosen."""
        values = self.cleaned_data
        if not self.takes_file or self.only_upload or "file" in self.errors:
            return values
        field = f"in_{self.text_name}"
        typed = bool((values.get(field) or "").strip())
        if typed and values.get("file"):
            self.add_error(field, "Give either a text or a file, not both.")
        elif not typed and not values.get("file") and self.text_name in self._required():
            self.add_error(field, EITHER)
        return values

    def _required(self) -> list[str]:
        return list(self.automation.input_schema.get("required", []))

    def input_data(self) -> dict[str, Any]:
        """Return the run's input; what was left empty is left out."""
        values = self.cleaned_data
        typed = {name[3:]: values[name] for name in values if name.startswith("in_")}
        given = {name: value for name, value in typed.items() if value not in (None, "")}
        return {**given, **(values.get("file") or {})}


def form_field(field: InputField) -> forms.Field:
    """Return the form field of one input field."""
    said: dict[str, Any] = {
        "label": field.title,
        "required": field.required,
        "help_text": field.help,
        "initial": field.default,
    }
    if field.kind == "boolean":
        return forms.BooleanField(**{**said, "required": False})
    if field.kind == "choice":
        return _choice_field(field, said)
    if field.kind == "integer":
        return forms.IntegerField(**said)
    if field.kind == "number":
        return forms.FloatField(**said, widget=forms.NumberInput(attrs={"step": "any"}))
    widget = forms.Textarea(attrs={"rows": 12}) if field.kind == "textarea" else forms.TextInput()
    return AnyText(**said, widget=widget)


def _choice_field(field: InputField, said: dict[str, Any]) -> forms.Field:
    values = {str(choice): choice for choice in field.choices}
    shown = [(text, text) for text in values]
    empty = [] if field.required and field.default is not None else [("", "Choose")]
    return forms.TypedChoiceField(
        **said, choices=[*empty, *shown], coerce=lambda text: values[text], empty_value=None
    )


def _file_field(*, required: bool) -> forms.FileField:
    label = "File" if required else "Or a file"
    accept = {"accept": documents.ACCEPT}
    return forms.FileField(
        label=label,
        required=required,
        # An empty file is for the input checks to judge, like an empty text from anywhere else.
        allow_empty_file=True,
        widget=forms.FileInput(attrs=accept),
        help_text=f"{documents.ENDINGS_IN_WORDS}, at most {human_size(settings.MAX_INPUT_BYTES)}, "
        f"PDF and Word {human_size(settings.MAX_UPLOAD_BYTES)}. Its text is taken.",
    )


def _require_size(upload: UploadedFile[Any]) -> None:
    """Refuse a large file before it is read into memory."""
    name = clean_text((upload.name or "The file")[:80]).text
    documents.require_size(name, upload.size or 0, documents.likely_kind(name))


class DestinationForm(forms.Form):
    """What every destination has besides its kind's own settings."""

    name = forms.CharField(max_length=80, help_text="How people call it, for example “Blog”.")
    is_active = forms.BooleanField(
        label="Active", required=False, initial=True, help_text="Off: nothing is sent to it."
    )


class TriggerForm(forms.Form):
    """What every trigger has besides its kind's own settings."""

    is_active = forms.BooleanField(
        label="Active", required=False, initial=True, help_text="Off: it starts nothing."
    )


class HookForm(TriggerForm):
    """What a trigger with a public address has besides."""

    requires_signature = forms.BooleanField(
        label="Calls must be signed",
        required=False,
        initial=True,
        help_text="As Standard Webhooks has it, with a secret that is shown once. Without, who "
        "knows the address can call it.",
    )


class ChainForm(forms.Form):
    """Which automation starts this one, and how its destination is called."""

    upstream = forms.ModelChoiceField(
        Automation.objects.none(),
        label="After",
        to_field_name="slug",
        empty_label="Choose",
        help_text="The automation whose outputs start this one.",
    )
    name = forms.CharField(
        label="Name of the destination",
        max_length=80,
        help_text="How the other automation's page calls it.",
    )

    def __init__(self, automation: Automation, data: Any = None) -> None:
        super().__init__(data, initial={"name": automation.name[:80]})
        others = Automation.objects.exclude(pk=automation.pk).order_by("name")
        self.fields["upstream"].queryset = others  # type: ignore[attr-defined]


def settings_form(
    registry: str, kind: str, data: Mapping[str, Any] | None, stored: Mapping[str, Any]
) -> forms.Form:
    """Return the form of a source's or destination's own settings, filled with what is stored."""
    kinds: Any = connectors.sources if registry == "sources" else connectors.destinations
    form = kinds.get(kind).settings_form(data, initial=dict(stored))
    return cast("forms.Form", form)


def offer_automations(form: forms.Form, automation: Automation) -> None:
    """Let people choose another automation from a list; the registries know no tables."""
    others = Automation.objects.exclude(pk=automation.pk).order_by("name")
    choices = [("", "Choose"), *others.values_list("slug", "name")]
    form.fields["automation"].widget = forms.Select(choices=choices)
