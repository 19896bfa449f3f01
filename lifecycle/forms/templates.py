"""The form that names an automation made from a template."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError

from automations.models import Automation
from automations.text import clean_text


class TemplateForm(forms.Form):
    """A name for people and a short name for URLs."""

    name = forms.CharField(max_length=120)
    slug = forms.CharField(
        label="Short name",
        max_length=80,
        help_text="In URLs and tables: a-z, 0-9, _ and -. It never changes.",
    )

    def clean_name(self) -> str:
        return clean_text(self.cleaned_data["name"]).text

    def clean_slug(self) -> str:
        slug = clean_text(self.cleaned_data["slug"]).text
        if Automation.objects.filter(slug=slug).exists():
            raise ValidationError(f"Another automation is called {slug}; choose another.")
        return slug

    def take(self, error: ValidationError) -> None:
        """Show what the service refused at the fields it is about."""
        for name, told in error.error_dict.items():
            self.add_error(name if name in self.fields else None, told)
