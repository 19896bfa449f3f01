"""Extra request headers: typed as lines, secrets only by the name of an environment variable."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from automations.connectors.problems import DeliveryProblem
from automations.errors import Problem
from automations.redaction import find_secrets
from automations.references import DESTINATION, MARK, References, is_reference
from automations.text import one_line

MAX_HEADERS = 20
RESERVED = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[ -~]{1,1000}")
_SECRET_NAME = re.compile(r"(?i)auth|cookie|key|token|secret|passw|signature|credential")


class HeadersField(forms.Field):
    """Headers as `Name: value` lines in the form, as a {name: value} object in the settings."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})

    def __init__(self, *, references: References = DESTINATION, **options: Any) -> None:
        super().__init__(**options)
        self.references = references

    def prepare_value(self, value: Any) -> Any:
        """Show stored headers as lines."""
        if not isinstance(value, Mapping):
            return value
        return "\n".join(f"{name}: {text}" for name, text in value.items())

    def to_python(self, value: Any) -> dict[str, str]:
        """Read lines or stored headers. Raises `ValidationError` with a sentence per fault."""
        pairs = list(_pairs(value))
        allowed = self.references
        faults = [fault for name, text in pairs for fault in faults_of(name, text, allowed)]
        if len(pairs) > MAX_HEADERS:
            faults.append(f"There are {len(pairs)} headers; at most {MAX_HEADERS} are allowed.")
        if len({name.lower() for name, _ in pairs}) < len(pairs):
            faults.append("A header is named twice; keep one of them.")
        if faults:
            raise ValidationError(faults)
        return dict(pairs)


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        yield from ((str(name), str(text)) for name, text in value.items())
        return
    for line in str(value or "").splitlines():
        name, _, text = line.partition(":")
        if line.strip():
            yield name.strip(), text.strip()


def faults_of(name: str, value: str, allowed: References = DESTINATION) -> list[str]:
    """Return a sentence per reason why a header cannot be set."""
    shown = one_line(name, limit=40)
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        return [f"`{shown}` is not a header; write one per line, like `X-Team: news`."]
    if name.lower() in RESERVED:
        return [f"`{shown}` is set by the delivery itself; remove it."]
    if is_reference(value):
        return allowed.faults(value)
    if _SECRET_NAME.search(name) or find_secrets(f"{name}: {value}") or MARK in value:
        return [
            f"The value of `{shown}` is a secret and must not be stored here; put it into an "
            f"environment variable and write `env:{allowed.prefix}NAME` or "
            f"`Bearer env:{allowed.prefix}NAME`."
        ]
    return []


def resolve(value: str, allowed: References = DESTINATION) -> tuple[str, str]:
    """Return a value with its reference replaced, and the secret in it ("" when there is none).

    Raises `DeliveryProblem` when the variable is missing, empty or not meant for destinations.
    """
    try:
        return allowed.resolve(value)
    except Problem as problem:
        raise DeliveryProblem(problem.message, code=problem.code) from problem
