"""What tests of hooks share: a hook with its address and secret, and calls of it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from django.test import Client

from automations import services, signing
from automations.models import Automation, Hook, Trigger
from tests.makers import make_live


@dataclass(frozen=True)
class Called:
    """A hook as its caller knows it."""

    trigger: Trigger
    token: str
    secret: str

    @property
    def hook(self) -> Hook:
        return Hook.objects.get(trigger=self.trigger)

    @property
    def address(self) -> str:
        return f"/hooks/{self.token}"


def make_hook(
    automation: Automation | None = None,
    *,
    kind: str = "webhook",
    signed: bool = False,
    **settings: Any,
) -> Called:
    automation = automation or make_live().automation
    trigger = Trigger(automation=automation, kind=kind, settings=settings)
    shown = services.save_trigger(trigger, by=services.SYSTEM, requires_signature=signed)
    return Called(trigger, shown.token, shown.secret)


def call(hook: Called, payload: Any, *, client: Any = None, **headers: str) -> Any:
    """POST JSON (or bytes as they are) to a hook; names of headers in snake case."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    kind = headers.pop("content_type", "application/json")
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    client = client or Client(enforce_csrf_checks=True)
    return client.generic("POST", hook.address, body, content_type=kind, headers=sent)


def signature(
    hook: Called, body: bytes, *, message_id: str = "msg_1", at: int | None = None, secret: str = ""
) -> dict[str, str]:
    """Return the headers that sign a body."""
    at = int(time.time()) if at is None else at
    return {
        "webhook_id": message_id,
        "webhook_timestamp": str(at),
        "webhook_signature": signing.sign(secret or hook.secret, message_id, at, body),
    }


def error_of(answer: Any) -> str:
    """Return an error's code, after checking that it is one of ours."""
    assert answer.headers["Content-Type"] == "application/json"
    told = answer.json()
    assert set(told) == {"error"}
    assert set(told["error"]) <= {"code", "message", "field"}
    assert "Traceback" not in told["error"]["message"]
    return str(told["error"]["code"])
