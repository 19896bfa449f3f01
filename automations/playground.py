"""The playground's form: the run form with an input to begin with and a version to try it on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from automations.forms import RunForm
from automations.models import Automation, Version
from automations.schemas import InputField

OFFERED = 50


class TryForm(RunForm):
    """The input of a try; a text may be typed even where real runs take only a file."""

    version = forms.ChoiceField(help_text="A draft is tried as it is saved now.")

    def __init__(
        self, automation: Automation, data: Any = None, files: Any = None, *,
        versions: list[Version], given: Mapping[str, Any] | None = None, chosen: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(automation, data, files)
        self.versions = {str(version.pk): version for version in versions}
        choice: Any = self.fields["version"]
        choice.choices = [(pk, name_of(version)) for pk, version in self.versions.items()]
        self.initial["version"] = str(chosen) if chosen else next(iter(self.versions), None)
        self.initial.update({f"in_{name}": value for name, value in (given or {}).items()})

    def _add(self, field: InputField) -> None:
        # Real runs of this automation may take only a file; a try may be typed.
        self.only_upload = False
        super()._add(field)

    def chosen(self) -> Version:
        """Return the version to try; the form is valid."""
        return self.versions[self.cleaned_data["version"]]


def name_of(version: Version) -> str:
    """Return a version's number with its state and note."""
    state = "" if version.is_published else " (draft)"
    state = " (live)" if version.is_live else state
    note = f": {version.note}" if version.note else ""
    return f"v{version.number}{state}{note}"[:100]


def versions_of(automation: Automation) -> list[Version]:
    """Return what can be tried: the live version first, then drafts, then older ones."""
    rows = automation.versions.select_related("automation", "provider").order_by("-number")
    found = list(rows[:OFFERED])
    live = automation.live_version
    if live and live not in found:
        found.append(live)
    for version in found:
        version.automation = automation
    return sorted(found, key=lambda v: (not v.is_live, v.is_published, -v.number))
