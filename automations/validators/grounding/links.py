"""URLs and e-mail addresses: they are right or wrong, nothing between."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Every repetition begins at a fixed part and is bounded: hostile text must not cost n x n.
_ENDINGS = "com|org|net|io|ai|dev|app|de|uk|fr|es|it|nl|eu|ch|at|info|gov|edu|example"
_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}", re.IGNORECASE
)
_URL = re.compile(
    r"(?:https?://|www\.)[^\s<>\"“”«»]{1,2048}"
    r"|(?<![\w.@-])(?:[a-z0-9-]{1,63}\.){1,4}"
    rf"(?:{_ENDINGS})\b"
    r"(?:/[^\s<>\"“”«»]{0,2048})?",
    re.IGNORECASE,
)
_HINT = re.compile(rf"://|www\.|\.(?:{_ENDINGS})\b", re.I)
_TRAILING = ".,;:!?'\"’*_`>]}…"


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses in a text as keys for comparison, and the text without them."""

    urls: dict[str, str]
    emails: dict[str, str]
    rest: str


def links_in(text: str) -> Links:
    """Find addresses; each key leads to the address as it is written."""
    emails: dict[str, str] = {}
    if "@" in text:
        emails = {found.lower(): found for found in _EMAIL.findall(text)}
        text = _EMAIL.sub(" ", text)
    if not _HINT.search(text):
        return Links({}, emails, text)
    urls: dict[str, str] = {}
    for match in _URL.finditer(text):
        written = _trimmed(match[0])
        urls[_key(written)] = written
    return Links(urls, emails, _URL.sub(" ", text))


def unsupported_urls(links: Links, source: Links) -> list[str]:
    """Return addresses that the source has not; a bare host may stand for its own page."""
    hosts = {key.partition("/")[0] for key in source.urls}
    return [
        written
        for key, written in links.urls.items()
        if key not in source.urls and not (key in hosts and "://" not in written)
    ]


def unsupported_emails(links: Links, source: Links) -> list[str]:
    """Return e-mail addresses that the source has not."""
    return [written for key, written in links.emails.items() if key not in source.emails]


def _trimmed(url: str) -> str:
    url = url.rstrip(_TRAILING)
    while url.endswith(")") and url.count("(") < url.count(")"):
        url = url[:-1].rstrip(_TRAILING)
    return url


def _key(url: str) -> str:
    """Return the address without scheme and `www.`, its host in lower case."""
    address = re.sub(r"^(?:https?://)?(?:www\.)?", "", url, flags=re.IGNORECASE)
    host, slash, rest = address.partition("/")
    return host.lower() + (slash + rest if rest else "")
