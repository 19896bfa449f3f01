"""Forms made from data: the run form from an input schema, connection forms from their kinds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from automations import connectors, triggers
from automations.connectors.upload import ENDINGS, UploadSource
from automations.errors import Problem
from automations.models import Automation
from automations.schemas import InputField, fields_of
from automations.strict_json import JSONInput
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

    Plain text (`content`) may come as an uploaded file instead; for an upload source it must.
    """

    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, automation: Automation, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files, initial={"key": uuid.uuid4()})
        self.automation = automation
        self.problem: Problem | None = None
        source = getattr(automation, "source", None)
        self.only_upload = source is not None and source.kind == UploadSource.kind
        for field in fields_of(automation.input_schema):
            self._add(field)

    @property
    def takes_file(self) -> bool:
        return "file" in self.fields

    def _add(self, field: InputField) -> None:
        takes_file = field.name == "content" and field.kind == "textarea"
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
            return UploadSource({}).from_upload(upload.name or "", upload.read())
        except Problem as problem:
            self.problem = problem
            raise forms.ValidationError(problem.message) from problem

    def clean(self) -> dict[str, Any]:
        """Take the text from one place: typed or chosen."""
        values = self.cleaned_data
        if not self.takes_file or self.only_upload or "file" in self.errors:
            return values
        typed = bool((values.get("in_content") or "").strip())
        if typed and values.get("file"):
            self.add_error("in_content", "Give either a text or a file, not both.")
        elif not typed and not values.get("file") and "content" in self._required():
            self.add_error("in_content", EITHER)
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
    accept = {"accept": ",".join((*ENDINGS, "text/plain", "text/markdown"))}
    return forms.FileField(
        label=label,
        required=required,
        # An empty file is for the input checks to judge, like an empty text from anywhere else.
        allow_empty_file=True,
        widget=forms.FileInput(attrs=accept),
        help_text=f"{', '.join(ENDINGS)}, at most {human_size(settings.MAX_INPUT_BYTES)}.",
    )


def _require_size(upload: UploadedFile[Any]) -> None:
    """Refuse a large file before it is read into memory."""
    size, limit = upload.size or 0, settings.MAX_INPUT_BYTES
    if size <= limit:
        return
    shown = clean_text((upload.name or "The file")[:80]).text
    message = f"{shown} has {human_size(size)}; at most {human_size(limit)} are read, so split it."
    raise Problem(message, category="source_error", code="too_large")


class DestinationForm(forms.Form):
    """What every destination has besides its kind's own settings."""

    name = forms.CharField(max_length=80, help_text="How people call it, for example “Blog”.")
    is_active = forms.BooleanField(
        label="Active", required=False, initial=True, help_text="Off: nothing is sent to it."
    )


class ScheduleForm(forms.Form):
    """When a schedule starts runs, and on what."""

    cron = forms.CharField(
        label="When",
        max_length=100,
        help_text="Minute, hour, day, month, weekday: “0 9 * * 1-5” is nine o'clock on workdays.",
    )
    timezone = forms.CharField(
        label="Time zone", max_length=60, initial="UTC", help_text="For example Europe/Berlin."
    )
    input = JSONInput(
        label="Input",
        required=False,
        initial=dict,
        widget=forms.Textarea(attrs={"rows": 4, "class": "monospace"}),
        help_text="The input of each run as a JSON object; {} takes what the source holds.",
    )
    is_active = forms.BooleanField(label="Active", required=False, initial=True)

    def clean_input(self) -> dict[str, Any]:
        """Refuse what is not an object."""
        value = self.cleaned_data["input"] or {}
        if not isinstance(value, dict):
            raise forms.ValidationError('Write a JSON object, for example {"content": "..."}.')
        return value

    def clean(self) -> dict[str, Any]:
        """Let the trigger's own check judge cron expression and time zone together."""
        values = self.cleaned_data
        try:
            triggers.clean_settings("schedule", self.settings())
        except ValueError as error:
            self.add_error("cron", str(error))
        return values

    def settings(self) -> dict[str, Any]:
        """Return the trigger's settings."""
        values = self.cleaned_data
        return {name: values.get(name) or "" for name in ("cron", "timezone")} | {
            "input": values.get("input") or {}
        }


def settings_form(
    registry: str, kind: str, data: Mapping[str, Any] | None, stored: Mapping[str, Any]
) -> forms.Form:
    """Return the form of a source's or destination's own settings, filled with what is stored."""
    kinds: Any = connectors.sources if registry == "sources" else connectors.destinations
    form = kinds.get(kind).settings_form(data, initial=dict(stored))
    return cast("forms.Form", form)
