"""Destination: files below the folders that the installation allows."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from django import forms

from automations import prompts, storage
from automations.connectors.base import (
    IDEMPOTENT,
    Destination,
    Outside,
    Parcel,
    Receipt,
)
from automations.connectors.problems import DeliveryProblem
from automations.text import clean_data, clean_text

PATH_NAMES = ("run_id", "automation", "date", "key")
EXAMPLE = {"run_id": "1", "automation": "automation", "date": "2026-01-31", "key": "key"}
UNIQUE_NAMES = frozenset({"run_id", "key"})
RETRIED = frozenset({"disk_full", "io_error"})

_UNSAFE_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


class FileDestinationForm(forms.Form):
    """Which file is written."""

    path = forms.CharField(
        label="Path",
        max_length=500,
        help_text="Below the first allowed folder, for example posts/{{ run_id }}.md. Known: "
        + ", ".join(f"{{{{ {name} }}}}" for name in PATH_NAMES)
        + ". A name that ends in .json gets the data as JSON, any other the text.",
    )

    def clean_path(self) -> str:
        """Refuse a template that cannot become a path below a root."""
        path: str = self.cleaned_data["path"]
        faults = prompts.check(path, PATH_NAMES)
        if faults := faults or storage.check_path(prompts.render(path, EXAMPLE)):
            raise forms.ValidationError(faults)
        return path


class FileDestination(Destination):
    """A file below a root; written again it is the same file, so a retry does no harm."""

    kind = "file"
    label = "File"
    help = "Writes each output to a file below the folders that this installation allows."
    settings_form = FileDestinationForm
    promise = IDEMPOTENT

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        path = settings["path"]
        replaced = "" if UNIQUE_NAMES & set(prompts.names_in(path)) else ", replaced by later runs"
        return f"writes {path} below {storage.root_names()}{replaced}"

    async def deliver(self, parcel: Parcel, outside: Outside) -> Receipt:
        path = path_for(self.settings["path"], parcel)
        content = content_of(parcel, as_json=path.lower().endswith(".json"))
        try:
            loop, write = asyncio.get_running_loop(), storage.write_atomically
            written = await loop.run_in_executor(outside.threads, write, path, content)
        except storage.StorageProblem as problem:
            raise DeliveryProblem(
                problem.message, code=problem.code, retry=problem.code in RETRIED
            ) from problem
        return Receipt(reference=storage.key_of(written), detail={"bytes": len(content)})

    async def test(self, outside: Outside) -> str:
        path = prompts.render(self.settings["path"], EXAMPLE)
        try:
            folder = await asyncio.to_thread(storage.try_folder, path)
        except storage.StorageProblem as problem:
            raise DeliveryProblem(problem.message, code=problem.code) from problem
        return f"A file could be written and removed in {folder}; {path} would be one of its files."


def path_for(template: str, parcel: Parcel) -> str:
    """Return the path of a parcel's file; the same parcel always gets the same one."""
    values = {
        "run_id": str(parcel.run_id),
        "automation": parcel.automation,
        "date": parcel.created_at.astimezone(UTC).date().isoformat(),
        "key": parcel.key,
    }
    safe = {name: _UNSAFE_IN_NAMES.sub("-", value) for name, value in values.items()}
    return prompts.render(template, safe)


def content_of(parcel: Parcel, *, as_json: bool) -> bytes:
    """Return a parcel as a file: its text, or its data as JSON."""
    if not as_json:
        return clean_text(parcel.text).text.encode()
    data = {"text": parcel.text} if parcel.data is None else parcel.data
    return (json.dumps(clean_data(data), ensure_ascii=False, indent=2) + "\n").encode()
