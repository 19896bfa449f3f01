"""The playground's form: an input to begin with, a version to try and one to compare it with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.core.serializers.json import DjangoJSONEncoder

from automations.forms import RunForm
from automations.models import Automation, Version
from automations.recipes import marks_of
from automations.schemas import InputField
from automations.text import one_line

OFFERED = 50
RECENT = 10
LOOKED_AT = 20
LARGEST_KEY = 2**63 - 1
NOTHING = ("", "Nothing: try one version alone")


@dataclass(frozen=True, slots=True)
class PastInput:
    """The input of a real run, to try again."""

    run: int
    words: str
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Wish:
    """What the playground's address asks for: two versions by key, None where it does not."""

    version: int | None = None
    against: int | None = None
    alone: bool = False


class TryForm(RunForm):
    """The input of a try; a text may be typed even where real runs take only a file."""

    version = forms.ChoiceField(help_text="A draft is tried as it is saved now.")
    against = forms.ChoiceField(
        label="Compare with",
        required=False,
        help_text="Both get the same input: the model is asked twice, which costs what two runs "
        "cost.",
    )
    field_order = ("key", "version", "against")

    def __init__(
        self, automation: Automation, data: Any = None, files: Any = None, *,
        versions: list[Version], given: Mapping[str, Any] | None = None, wish: Wish | None = None,
    ) -> None:  # fmt: skip
        super().__init__(automation, data, files)
        self.order_fields(self.field_order)
        self.versions = {str(version.pk): version for version in versions}
        choices = [(pk, name_of(version)) for pk, version in self.versions.items()]
        version, against = self._begin_with(wish or Wish())
        offered: Any = self.fields["version"], self.fields["against"]
        offered[0].choices, offered[1].choices = choices, [*choices, NOTHING]
        self.initial["version"], self.initial["against"] = version, against
        self.initial.update({f"in_{name}": value for name, value in (given or {}).items()})

    def _begin_with(self, wish: Wish) -> tuple[str, str]:
        """Return what is chosen at first: the newest draft, compared with the live version."""
        known = list(self.versions.values())
        drafts = [version for version in known if not version.is_published]
        live = next((str(version.pk) for version in known if version.is_live), "")
        first = next((str(version.pk) for version in [*drafts, *known]), "")
        version = str(wish.version) if str(wish.version) in self.versions else first
        against = str(wish.against) if str(wish.against) in self.versions else live
        return version, "" if wish.alone or against == version else against

    def _add(self, field: InputField) -> None:
        # Real runs of this automation may take only a file; a try may be typed.
        self.only_upload = False
        super()._add(field)

    def clean(self) -> dict[str, Any]:
        """Refuse to compare a version with itself."""
        values = super().clean()
        if values.get("against") and values["against"] == values.get("version"):
            self.add_error("against", "Choose another version to compare with, or nothing.")
        return values

    def chosen(self) -> Version:
        """Return the version to try; the form is valid."""
        return self.versions[self.cleaned_data["version"]]

    def compared(self) -> Version | None:
        """Return the version to compare it with, if any; the form is valid."""
        return self.versions.get(self.cleaned_data["against"])

    def run_key(self) -> str:
        """Return a key that is the same for the same form sent twice, and new after a change."""
        versions = [version for version in (self.chosen(), self.compared()) if version]
        what = [self.input_data(), *((version.pk, marks_of(version)) for version in versions)]
        text = json.dumps(what, sort_keys=True, cls=DjangoJSONEncoder)
        return f"{self.cleaned_data['key']}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def name_of(version: Version) -> str:
    """Return a version's number with its state and note."""
    state = "" if version.is_published else " (draft)"
    state = " (live)" if version.is_live else state
    note = f": {version.note}" if version.note else ""
    return f"v{version.number}{state}{note}"[:100]


def versions_of(automation: Automation, *also: int | None) -> list[Version]:
    """Return what can be tried: the live version first, then drafts, then older ones.

    `also` are keys of older versions that must not be missing.
    """
    rows = automation.versions.select_related("automation", "provider").order_by("-number")
    found = list(rows[:OFFERED])
    known = {version.pk for version in found}
    wanted = {key for key in (*also, automation.live_version_id) if key} - known
    if wanted:
        found += rows.filter(pk__in=wanted)
    for version in found:
        version.automation = automation
    return sorted(found, key=lambda v: (not v.is_live, v.is_published, -v.number))


def recent_inputs(automation: Automation) -> list[PastInput]:
    """Return the inputs of the newest real runs, as far as they are kept, each once."""
    runs = automation.runs.filter(is_simulated=False).order_by("-pk")
    different: dict[str, PastInput] = {}
    for run in runs.only("id", "status", "input_data", "queued_at")[:LOOKED_AT]:
        words = _in_words(run.input_data)
        if run.input_data:
            different.setdefault(words, PastInput(run.pk, words, run.status, run.queued_at))
    return list(different.values())[:RECENT]


def _in_words(input_data: Mapping[str, Any]) -> str:
    texts = [value for value in input_data.values() if isinstance(value, str) and value.strip()]
    return one_line(max(texts, key=len, default="") or str(input_data), limit=90)


def key_of(text: str) -> int | None:
    """Return a key that a person gave as text; None if it cannot be one."""
    fits = text.isascii() and text.isdigit() and len(text) < 20
    return int(text) if fits and int(text) <= LARGEST_KEY else None
