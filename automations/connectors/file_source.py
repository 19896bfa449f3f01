"""Source: files below the folders that the installation allows, one, a folder or a pattern."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django import forms

from automations import documents, storage
from automations.connectors.base import Item, Source
from automations.documents import Kind

ONLY_NEW_HELP = (
    "Each file is taken once: a later run takes only those that were not there before. "
    "Without it, every run takes all of them again."
)


class FileSourceForm(forms.Form):
    """Which files are read, and whether again."""

    path = forms.CharField(
        label="Path",
        max_length=500,
        help_text="A file, a folder or a pattern below the allowed folders, for example "
        "articles/a.md, articles, articles/*.md or articles/**/*.pdf.",
    )
    only_new = forms.BooleanField(label="Only new files", required=False, help_text=ONLY_NEW_HELP)

    def clean_path(self) -> str:
        """Refuse a path that can never be read."""
        path: str = self.cleaned_data["path"]
        if faults := storage.check_path(path):
            raise forms.ValidationError(faults)
        return path


class FileSource(Source):
    """Files below the allowed roots; the text of each becomes the input."""

    kind = "file"
    label = "Files and folders"
    help = (
        "Reads files below the folders that this installation allows: text, Markdown, HTML, PDF, "
        "Word, CSV and JSON lines. Each file is a run of its own."
    )
    settings_form = FileSourceForm

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        new = "new files of " if settings.get("only_new") else ""
        return f"reads {new}{settings['path']} below {storage.root_names()}"

    @property
    def remembers(self) -> bool:
        return bool(self.settings.get("only_new"))

    def items(self) -> list[Item]:
        return [Item(key=key, label=key) for key in map(storage.key_of, self._found())]

    def read(self, key: str) -> dict[str, Any]:
        limit = documents.limit_of(documents.likely_kind(key))
        try:
            data = storage.read_matching(self._path, key, limit)
        except storage.StorageProblem as problem:
            if problem.code != "outside_source" or storage.is_pattern(self._path):
                raise
            data = storage.read_matching(self._in_folder, key, limit)
        return {"content": documents.text_of(key, data, otherwise=Kind.TEXT)}

    @property
    def _path(self) -> str:
        path: str = self.settings["path"]
        return path

    @property
    def _in_folder(self) -> str:
        return f"{self._path.rstrip('/')}/*"

    def _found(self) -> list[Path]:
        """Return the files; of a folder only those that are read at all."""
        # What takes each file once may stand before a folder that only grows.
        most = storage.MAX_VISITED if self.remembers else storage.MAX_MATCHES
        try:
            return storage.resolve_for_reading(self._path, most=most)
        except storage.StorageProblem as problem:
            if problem.code != "is_a_folder":
                raise
        paths = storage.resolve_for_reading(self._in_folder, most=most)
        return [path for path in paths if path.suffix.lower() in documents.ENDINGS]
