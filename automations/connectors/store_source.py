"""Source: objects of a bucket in S3 or a store that speaks like it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms

from automations import documents
from automations.connectors.base import Item, Source
from automations.connectors.store_form import StoreForm, store_in_words
from automations.documents import Kind
from automations.errors import Problem
from automations.stores import Store, StoredObject, fits, open_store
from automations.text import one_line

MAX_KEY_CHARS = 1_000


class StoreSourceForm(StoreForm):
    """Which objects of which bucket are read, and whether again."""

    purpose = "source"

    pattern = forms.CharField(
        label="Objects",
        max_length=500,
        initial="**",
        help_text="A key or a pattern, for example articles/a.md, articles/*.md or inbox/**. "
        "* stays within a level, ** does not.",
    )
    only_new = forms.BooleanField(
        label="Only new objects",
        required=False,
        initial=True,
        help_text="Each object is taken once, known by its key. Without it, every run takes all "
        "of them again.",
    )

    field_order = ("bucket", "pattern", "only_new", "endpoint_url", "region")


class StoreSource(Source):
    """Objects whose key fits a pattern; the text of each becomes the input."""

    kind = "object_store"
    label = "Object store (S3)"
    help = (
        "Reads objects of a bucket in Amazon S3, MinIO, Ceph, R2 and others: text, Markdown, "
        "HTML, PDF, Word, CSV and JSON lines. Each object is a run of its own."
    )
    settings_form = StoreSourceForm
    listed_here = False

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        new = "new objects" if settings.get("only_new") else "objects"
        return f"reads {new} {settings['pattern']} of {store_in_words(settings)}"

    @property
    def remembers(self) -> bool:
        return bool(self.settings.get("only_new"))

    def items(self) -> list[Item]:
        store = self._store()
        found = store.list(self.settings["pattern"])
        if not found:
            raise self._nothing_in(store)
        return self._items(store, found)

    def pages(self) -> Iterator[list[Item]]:
        store, found = self._store(), False
        for page in store.pages(self.settings["pattern"]):
            found = found or bool(page)
            yield self._items(store, page)
        if not found:
            raise self._nothing_in(store)

    def _nothing_in(self, store: Store) -> Problem:
        return Problem(
            f"No object of {store.where} fits {one_line(self.settings['pattern'])}; check the "
            "pattern, or put an object there.",
            category="source_error",
            code="missing_file",
        )

    def _items(self, store: Store, found: list[StoredObject]) -> list[Item]:
        too_long = next((entry.key for entry in found if len(entry.key) > MAX_KEY_CHARS), None)
        if too_long:
            raise Problem(
                f"The key {one_line(too_long, limit=80)} in {store.where} is longer than "
                f"{MAX_KEY_CHARS:,} characters; narrow the pattern, or give it a shorter key.",
                category="source_error",
                code="bad_name",
            )
        return [Item(key=entry.key, label=entry.key) for entry in found]

    def read(self, key: str) -> dict[str, Any]:
        if not fits(self.settings["pattern"], key):
            raise Problem(
                f"{one_line(key)} is not one of this source's objects "
                f"({one_line(self.settings['pattern'])}); choose one of those, or change the "
                "source's pattern.",
                category="source_error",
                code="outside_source",
            )
        limit = documents.limit_of(documents.likely_kind(key))
        data = self._store().read(key, max_bytes=limit)
        return {"content": documents.text_of(key, data, otherwise=Kind.TEXT)}

    def _store(self) -> Store:
        return open_store(self.settings, purpose="source")
