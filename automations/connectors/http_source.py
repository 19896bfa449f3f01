"""Source: one web address, read anew by each run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings

from automations import documents
from automations.connectors.base import Item, Source
from automations.connectors.fetching import Fetched, FetchForm, fetch
from automations.documents import Kind
from automations.errors import Problem
from automations.references import host_of
from automations.text import one_line

ACCEPT = "text/html, text/plain, text/*;q=0.9, application/pdf, application/json, */*;q=0.5"
BY_TYPE = {
    "text/html": Kind.HTML,
    "application/xhtml+xml": Kind.HTML,
    "application/pdf": Kind.PDF,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": Kind.DOCX,
    "text/csv": Kind.CSV,
    "application/jsonl": Kind.JSONL,
    "application/x-ndjson": Kind.JSONL,
    "application/json": Kind.TEXT,
    "application/xml": Kind.TEXT,
}
SAYS_NOTHING = frozenset({"", "application/octet-stream", "binary/octet-stream"})


class HttpSource(Source):
    """What a GET of an address answers, as text."""

    kind = "http_get"
    label = "Web address (HTTP GET)"
    help = (
        "Each run reads one web address and takes its text: a page, a PDF or Word document, "
        "plain text, CSV or JSON."
    )
    settings_form = FetchForm

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return f"reads {host_of(settings['url'])}"

    def items(self) -> list[Item]:
        return [Item(key=self.settings["url"], label=host_of(self.settings["url"]))]

    def read(self, key: str) -> dict[str, Any]:
        limit = max(django_settings.MAX_INPUT_BYTES, django_settings.MAX_UPLOAD_BYTES)
        fetched = fetch(self.settings, accept=ACCEPT, max_bytes=limit)
        return {"content": _text_of(fetched)}


def _text_of(fetched: Fetched) -> str:
    name = _name_of(fetched.url)
    kind = _kind_of(fetched, name)
    found, called = documents.looks_like(fetched.body)
    if found != documents.EXPECTED.get(kind, ""):
        raise Problem(
            f"{name} is said to be {one_line(fetched.content_type) or 'text'}, but its content is "
            f"{called or 'something else'}; choose an address that gives text, HTML, PDF or DOCX.",
            category="source_error",
            code="mismatch",
        )
    return documents.text_of(name, fetched.body, kind=kind, charset=fetched.charset)


def _name_of(url: str) -> str:
    """Return how sentences call what came: its host and the last part of its path."""
    last = PurePosixPath(urlsplit(url).path).name
    return one_line(f"{host_of(url)}/…/{last}" if last else host_of(url), limit=80)


def _kind_of(fetched: Fetched, name: str) -> Kind:
    """Return the format: what the server says, else what the bytes or the address tell."""
    if kind := BY_TYPE.get(fetched.content_type):
        return kind
    if fetched.content_type.startswith("text/") or fetched.content_type.endswith(("+json", "+xml")):
        return Kind.TEXT
    if fetched.content_type in SAYS_NOTHING:
        return documents.likely_kind(name)
    raise Problem(
        f"{name} is {one_line(fetched.content_type, limit=60)}, which holds no text that is read "
        "here; choose an address that gives text, HTML, PDF or DOCX.",
        category="source_error",
        code="not_accepted",
    )
