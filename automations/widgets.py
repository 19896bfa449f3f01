"""The browser's own date and time inputs, in place of the admin's scripted ones."""

from typing import Any

from django import forms
from django.db import models


class NativeDate(forms.DateInput):
    """`<input type="date">`."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class NativeTime(forms.TimeInput):
    """`<input type="time">`."""

    input_type = "time"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%H:%M")


class NativeDateTime(forms.DateTimeInput):
    """`<input type="datetime-local">`, in the server's time zone, to the second."""

    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        # Without seconds, saving a form untouched would change the moment.
        super().__init__({"step": "1", **(attrs or {})}, format="%Y-%m-%dT%H:%M:%S")


# In the form of `ModelAdmin.formfield_overrides`; our admin site uses it for every model.
NATIVE_WIDGETS: "dict[type[models.Field[Any, Any]], dict[str, Any]]" = {
    models.DateTimeField: {"form_class": forms.DateTimeField, "widget": NativeDateTime},
    models.DateField: {"widget": NativeDate},
    models.TimeField: {"widget": NativeTime},
}
