"""Ready command lines that call a hook or the API, with an input that fits."""

from __future__ import annotations

import json
import shlex
from typing import Any

from automations.models import Automation
from automations.schemas import InputField, fields_of

SAMPLE_TEXT = "Put the text here that this automation shall work on."

# HMAC-SHA256 with the secret's bytes as the key: OpenSSL takes binary keys in hexadecimal only.
_SIGNED = """\
BODY={body}
SECRET={secret}
ID=msg_$(openssl rand -hex 12)
TIME=$(date +%s)
KEY=$(printf %s "${{SECRET#whsec_}}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \\n')
SIGNATURE=$(printf %s "$ID.$TIME.$BODY" \\
  | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -binary | openssl base64 -A)
curl --fail-with-body --request POST {url} \\
  --header 'Content-Type: application/json' --header "webhook-id: $ID" \\
  --header "webhook-timestamp: $TIME" --header "webhook-signature: v1,$SIGNATURE" \\
  --data-binary "$BODY"
"""
_PLAIN = """\
curl --fail-with-body --request POST {url} \\
  --header 'Content-Type: application/json' --data-binary {body}
"""
_API = """\
curl --fail-with-body --request POST {url} \\
  --header "Authorization: Bearer $LIFECYCLE_TOKEN" \\
  --header 'Content-Type: application/json' --data-binary {body}
"""


def hook_line(url: str, payload: Any, *, secret: str = "") -> str:
    """Return the commands that call a hook; with a secret they sign the call."""
    form = _SIGNED if secret else _PLAIN
    quoted = shlex.quote(secret)
    return form.format(url=shlex.quote(url), body=_quoted(payload), secret=quoted)


def api_line(url: str, automation: Automation) -> str:
    """Return the command that starts a run through the API."""
    return _API.format(url=shlex.quote(url), body=_quoted({"input": sample_input(automation)}))


def sample_payload(automation: Automation, path: str) -> Any:
    """Return a body whose part at a dotted path is a fitting input."""
    value: Any = sample_input(automation)
    for name in reversed(path.split(".") if path else []):
        value = {name: value}
    return value


def sample_event(bucket: str, key: str) -> dict[str, Any]:
    """Return an S3 event notification of a new object."""
    told = {"bucket": {"name": bucket}, "object": {"key": key}}
    return {"Records": [{"eventName": "ObjectCreated:Put", "s3": told}]}


def sample_input(automation: Automation) -> dict[str, Any]:
    """Return an input with a value for every field."""
    return {field.name: _value(field) for field in fields_of(automation.input_schema)}


def _value(field: InputField) -> Any:
    if field.default is not None:
        return field.default
    if field.kind == "choice":
        return field.choices[0]
    return {"integer": 1, "number": 1.5, "boolean": True}.get(field.kind, SAMPLE_TEXT)


def _quoted(payload: Any) -> str:
    return shlex.quote(json.dumps(payload, ensure_ascii=False))
