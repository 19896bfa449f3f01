"""Secrets taken out of any text before it is cut, stored, logged or shown."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, quote_plus

MARK = "[redacted]"
SHORTEST_SECRET = 6  # characters; shorter values would blot out ordinary words


@dataclass(frozen=True, slots=True)
class _Shape:
    """What one kind of key looks like; without one of its hints in the text, it is not there."""

    kind: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]

    def may_be_in(self, lowered: str) -> bool:
        return any(hint in lowered for hint in self.hints)


# Look-aheads and repetitions before a fixed part are bounded: hostile text must not cost n x n.
# Where a key begins with a common word a digit must follow: "basic understanding" is no password.
_SHAPES = tuple(
    _Shape(kind, hints, re.compile(pattern))
    for kind, hints, pattern in (
        (
            "API key",
            ("sk-", "sk_", "rk-", "rk_"),
            r"\b[sr]k[-_](?:(?=[a-z_-]{0,64}[A-Z0-9])[A-Za-z0-9_-]{16,}|[A-Za-z0-9]{20,})",
        ),
        (
            "bearer token",
            ("bearer",),
            r"(?i:\bbearer)\s+(?=[A-Za-z._~+/=-]{0,64}[0-9])[A-Za-z0-9._~+/=-]{8,}",
        ),
        (
            "basic credentials",
            ("basic",),
            r"(?i:\bbasic)\s+(?=[A-Za-z+/]{0,64}[0-9=])[A-Za-z0-9+/]{12,}={0,2}",
        ),
        (
            "signed token",
            ("eyj",),
            r"\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
        ),
        # automations/bearer.py makes these
        ("Lifecycle token", ("lc_",), r"\blc_[A-Za-z0-9]{46}\b"),
        # automations/services/hooks.py and automations/signing.py make these
        ("hook address", ("/hooks/",), r"(?<=/hooks/)[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])"),
        ("webhook secret", ("whsec_",), r"\bwhsec_[A-Za-z0-9+/]{32,}={0,2}"),
        ("AWS key id", ("akia", "asia"), r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        (
            "GitHub token",
            ("gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_"),
            r"\b(?:gh[opusr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})",
        ),
        ("Slack token", ("xox",), r"\bxox[a-z]-[A-Za-z0-9-]{10,}"),
        ("Slack webhook", ("hooks.slack",), r"hooks\.slack\.com/services/[A-Za-z0-9/]{20,}"),
        ("Google key", ("aiza",), r"\bAIza[A-Za-z0-9_-]{35}"),
        ("Hugging Face token", ("hf_",), r"\bhf_[A-Za-z0-9]{30,}"),
        (
            "private key",
            ("private key",),
            # Everything up to the end line or, cut short, the end of the text.
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^-]|-(?!----END))*"
            r"(?:-----END [A-Z ]{0,40}-----)?",
        ),
        (
            "password in an address",
            ("://",),
            r"(?<=://)[^\s/@:\"'<>]{1,256}:[^\s/@\"'<>]{1,256}(?=@)",
        ),
    )
)

# `"api_key": "..."`, `password=...`: the value goes, the name stays.
_NAMED = _Shape(
    "named value",
    ("api_key", "api-key", "apikey", "passw", "secret", "_token", "-token", "authorization"),
    re.compile(
        r"(?i)((?:api[_-]?key|passw(?:or)?d|secret|(?:access|auth|refresh)[_-]token|authorization)"
        r"\\?[\"']?\s{0,9}[:=]\s{0,9}\\?[\"']?)(?!\[redacted\])[^\s\"'\\,;&<>]{6,}"
    ),
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Replace the given secrets, and whatever looks like a key, by `[redacted]`.

    Given values are found plain, URL-encoded, JSON-escaped and in base64 at any offset
    (`user:secret`); values under 6 characters are ignored. Redact first, cut afterwards.
    """
    known = tuple(sorted({secret for secret in secrets if len(secret) >= SHORTEST_SECRET}))
    if known:
        text = _pattern_for(known).sub(MARK, text)
    lowered = text.lower()
    for shape in _SHAPES:
        if shape.may_be_in(lowered):
            text = shape.pattern.sub(MARK, text)
    return _NAMED.pattern.sub(rf"\1{MARK}", text) if _NAMED.may_be_in(lowered) else text


def find_secrets(text: str) -> list[tuple[int, str]]:
    """Return position and kind of everything in the text that looks like a key, in order."""
    lowered = text.lower()
    return sorted(
        (match.start(), shape.kind)
        for shape in _SHAPES
        if shape.may_be_in(lowered)
        for match in shape.pattern.finditer(text)
    )


@lru_cache(maxsize=64)
def _pattern_for(secrets: tuple[str, ...]) -> re.Pattern[str]:
    forms = {form for secret in secrets for form in _forms(secret)}
    # Longest first: a secret that begins with another one must go as a whole.
    longest_first = sorted(forms, key=len, reverse=True)
    # Whoever encodes may write %2f or %2F, \u00e9 or \u00E9, within one value.
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="", errors="replace")
    yield quote_plus(secret, errors="replace")
    escaped = json.dumps(secret)[1:-1]
    yield escaped
    yield escaped.replace("/", "\\/")
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield from _base64_forms(secret.encode("utf-8", "replace"))


def _base64_forms(data: bytes) -> Iterator[str]:
    """Yield the characters that base64 gives a value wherever it starts in a longer one."""
    for offset in range(3):
        coded = base64.b64encode(bytes(offset) + data).decode()
        # Six bits a character: only those made of nothing but the value's bits are certain.
        certain = coded[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]
        yield certain
        yield certain.translate(str.maketrans("+/", "-_"))
