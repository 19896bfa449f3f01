"""Extra request headers: typed as lines, secrets only by the name of an environment variable."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from automations import environment
from automations.connectors.problems import DeliveryProblem
from automations.errors import Problem
from automations.redaction import find_secrets
from automations.text import one_line

MAX_HEADERS = 20
PREFIX = "DESTINATION_"
REFERENCE = "env:"
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
    }
)

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[ -~]{1,1000}")
# `env:NAME`, or a scheme before it as in `Bearer env:NAME`.
_REFERENCE = re.compile(r"(?P<scheme>[A-Za-z]+ )?env:(?P<variable>[A-Z][A-Z0-9_]*)")
_SECRET_NAME = re.compile(r"(?i)auth|cookie|key|token|secret|passw|signature|credential")


class HeadersField(forms.Field):
    """Headers as `Name: value` lines in the form, as a {name: value} object in the settings."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        """Show stored headers as lines."""
        if not isinstance(value, Mapping):
            return value
        return "\n".join(f"{name}: {text}" for name, text in value.items())

    def to_python(self, value: Any) -> dict[str, str]:
        """Read lines or stored headers. Raises `ValidationError` with a sentence per fault."""
        pairs = list(_pairs(value))
        faults = [fault for name, text in pairs for fault in faults_of(name, text)]
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


def faults_of(name: str, value: str) -> list[str]:
    """Return a sentence per reason why a header cannot be set."""
    shown = one_line(name, limit=40)
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        return [f"`{shown}` is not a header; write one per line, like `X-Team: news`."]
    if name.lower() in RESERVED:
        return [f"`{shown}` is set by the delivery itself; remove it."]
    if _REFERENCE.fullmatch(value):
        return reference_faults(value)
    if _SECRET_NAME.search(name) or find_secrets(f"{name}: {value}") or REFERENCE in value:
        return [
            f"The value of `{shown}` is a secret and must not be stored here; put it into an "
            f"environment variable and write `env:{PREFIX}NAME` or `Bearer env:{PREFIX}NAME`."
        ]
    return []


def reference_faults(value: str) -> list[str]:
    """Return why a reference is refused: only variables meant for destinations may leave here."""
    match = _REFERENCE.fullmatch(value)
    if match and match["variable"].startswith(PREFIX):
        return []
    return [
        f"`{one_line(value, limit=60)}` names a variable that may not be sent; "
        f"only variables whose name begins with {PREFIX} are."
    ]


def resolve(value: str) -> tuple[str, str]:
    """Return a value with its reference replaced, and the secret in it ("" when there is none).

    Raises `DeliveryProblem` when the variable is missing, empty or not meant for destinations.
    """
    match = _REFERENCE.fullmatch(value)
    if match is None:
        return value, ""
    if faults := reference_faults(value):
        raise DeliveryProblem(faults[0], code="secret_refused")
    secret = _read(match["variable"])
    return (match["scheme"] or "") + secret, secret


def _read(variable: str) -> str:
    try:
        secret = environment.read(variable)
    except Problem as problem:
        raise DeliveryProblem(problem.message, code="secret_missing") from problem
    if not secret:
        raise DeliveryProblem(
            f"The environment variable {variable} is not set, so nothing was sent; "
            "set it for the worker and try again.",
            code="secret_missing",
        )
    return secret
