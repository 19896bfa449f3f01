"""Destination: an object in a bucket, under a key made from the run."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from typing import Any

from django import forms

from automations import prompts
from automations.connectors.base import IDEMPOTENT, Destination, Outside, Parcel, Preview, Receipt
from automations.connectors.file import EXAMPLE, PATH_NAMES, UNIQUE_NAMES, content_of, path_for
from automations.connectors.problems import DeliveryProblem
from automations.connectors.store_form import StoreForm, store_in_words
from automations.stores import Store, StoreProblem, open_store

MAX_KEY_BYTES = 1024


class ObjectStoreForm(StoreForm):
    """Which object is written."""

    key = forms.CharField(
        label="Key",
        max_length=500,
        initial="{{ automation }}/{{ run_id }}.md",
        help_text="For example posts/{{ run_id }}.md. Known: "
        + ", ".join(f"{{{{ {name} }}}}" for name in PATH_NAMES)
        + ". A key that ends in .json gets the data as JSON, any other the text.",
    )
    field_order = ("bucket", "key", "endpoint_url", "region", "key_id_env", "secret_env")

    def clean_key(self) -> str:
        """Refuse a template that cannot become a key."""
        key: str = self.cleaned_data["key"]
        if faults := prompts.check(key, PATH_NAMES):
            raise forms.ValidationError(faults)
        made = prompts.render(key, EXAMPLE)
        if made.startswith("/") or made.endswith("/") or ".." in made.split("/"):
            raise forms.ValidationError("A key begins and ends with a name, and has no “..”.")
        if not made.isprintable() or len(made.encode()) > MAX_KEY_BYTES // 2:
            raise forms.ValidationError("A key is one line of at most 500 bytes.")
        return key


class ObjectStoreDestination(Destination):
    """An object that is put once: the same bytes again are no failure, others are refused."""

    kind = "object_store"
    label = "Object store (S3)"
    help = "Puts each output into a bucket of AWS S3, MinIO, Ceph, R2 or another S3 store."
    settings_form = ObjectStoreForm
    promise = IDEMPOTENT

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        replaced = "" if _is_unique(settings) else ", replaced by later runs"
        return f"puts {settings['key']} into {store_in_words(settings)}{replaced}"

    async def deliver(self, parcel: Parcel, outside: Outside) -> Receipt:
        key, content = self._object(parcel)
        try:
            where = await self._store().write_async(
                key, content, content_type=_type_of(key), once=_is_unique(self.settings)
            )
        except StoreProblem as problem:
            raise _delivery_problem(problem) from problem
        return Receipt(where, {"bytes": len(content)})

    async def test(self, outside: Outside) -> str:
        """List one key of the bucket; who may only write is told that no look was possible."""
        try:
            return await self._store().check_async()
        except StoreProblem as problem:
            if problem.code != "access_denied":
                raise _delivery_problem(problem) from problem
            return (
                "The store answers and knows the keys, but they may not look into the bucket; "
                "whether they may write shows with the first output."
            )

    def preview(self, parcel: Parcel) -> Preview:
        """Show the object."""
        key, content = self._object(parcel)
        parts = [("Object", f"s3://{self.settings.get('bucket') or 'CONTENT_BUCKET'}/{key}")]
        parts += [("Content type", _type_of(key)), ("Content", content.decode())]
        return Preview(self.summary(self.settings), parts)

    def _object(self, parcel: Parcel) -> tuple[str, bytes]:
        key = path_for(self.settings["key"], parcel)
        return key, content_of(parcel, as_json=key.lower().endswith(".json"))

    def _store(self) -> Store:
        return open_store(self.settings, purpose="destination")


def _is_unique(settings: Mapping[str, Any]) -> bool:
    return bool(UNIQUE_NAMES & set(prompts.names_in(settings["key"])))


def _type_of(key: str) -> str:
    if key.lower().endswith(".json"):
        return "application/json"
    known = mimetypes.guess_type(key, strict=False)[0] or "text/plain"
    return f"{known}; charset=utf-8" if known.startswith("text/") else known


def _delivery_problem(problem: StoreProblem) -> DeliveryProblem:
    return DeliveryProblem(problem.message, code=problem.code, retry=problem.retry)
