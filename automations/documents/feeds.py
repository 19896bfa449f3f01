"""The feed job of the sandbox: RSS and Atom to entries with plain text."""

from __future__ import annotations

import re
import time
from hashlib import sha256
from io import BytesIO
from typing import Any

from automations.documents.markup import plain_of
from automations.errors import Problem

MAX_ENTRIES = 1_000
MAX_CHARS = 100_000
MAX_KEY_CHARS = 400

_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)


def entries(payload: dict[str, Any], data: bytes) -> list[dict[str, str]]:
    """Return the entries of a feed, newest first: key, title, link, published, text.

    `payload` is `{"url", "content_type"}`. Raises `Problem` (source_error): not_a_feed,
    suspicious_file.
    """
    import feedparser  # noqa: PLC0415  loaded in the child only

    if _ENTITY.search(data):
        message = "The feed declares entities of its own, so it was not read; ask its owner why."
        raise Problem(message, category="source_error", code="suspicious_file")
    headers = {"content-location": payload["url"], "content-type": payload["content_type"]}
    parsed = feedparser.parse(BytesIO(data), response_headers=headers) if data.strip() else None
    if parsed is None or not (parsed.version or parsed.entries):
        raise Problem(
            "What came is not a feed: neither RSS nor Atom; give the address of the feed itself, "
            "often /feed, /rss.xml or /atom.xml.",
            category="source_error",
            code="not_a_feed",
        )
    newest_first = sorted(parsed.entries[:MAX_ENTRIES], key=_moment, reverse=True)
    return [_entry(entry) for entry in newest_first]


def _moment(entry: Any) -> tuple[int, ...]:
    """Return when an entry was published; one without a date stays behind those with one."""
    when = entry.get("published_parsed") or entry.get("updated_parsed")
    return tuple(when)[:6] if when else (0,)


def _entry(entry: Any) -> dict[str, str]:
    title, link = _cut(plain_of(str(entry.get("title") or ""))), _cut(str(entry.get("link") or ""))
    text = _cut(_text(entry))
    when = entry.get("published_parsed") or entry.get("updated_parsed")
    return {
        "key": _key(str(entry.get("id") or link), title + "\n" + text),
        "title": title,
        "link": link,
        "published": time.strftime("%Y-%m-%dT%H:%M:%SZ", when) if when else "",
        "text": text,
    }


def _text(entry: Any) -> str:
    """Return the fullest text that an entry brings along."""
    texts = [str(part.get("value") or "") for part in entry.get("content") or []]
    texts.append(str(entry.get("summary") or ""))
    return max((plain_of(text) for text in texts), key=len)


def _key(known_as: str, content: str) -> str:
    """Return what tells an entry from others: its id or link; a hash where it has none."""
    if known_as and len(known_as) <= MAX_KEY_CHARS:
        return known_as
    return "sha256:" + sha256((known_as or content).encode("utf-8", "replace")).hexdigest()


def _cut(text: str) -> str:
    return text[:MAX_CHARS]
