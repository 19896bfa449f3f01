"""A client of the API as a program would be one."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from tests.makers import make_token

JSON = "application/json"


class Program:
    """Calls the API with a token; without one when `text` is empty."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.client = Client(raise_request_exception=False)

    @classmethod
    def of(cls, user: User, *scopes: str, **values: Any) -> Program:
        """Return a program with a token that acts as `user`."""
        return cls(make_token(user, *scopes, **values)[1])

    def send(
        self, method: str, path: str, body: bytes = b"", *, kind: str = JSON, **headers: Any
    ) -> Any:
        """Send a request; the path is below /api/v1."""
        if self.text:
            headers.setdefault("HTTP_AUTHORIZATION", f"Bearer {self.text}")
        headers.setdefault("CONTENT_TYPE", kind)  # the client leaves it out without a body
        return self.client.generic(method, f"/api/v1{path}", body, content_type=kind, **headers)

    def get(self, path: str, **headers: Any) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, data: Any = None, **headers: Any) -> Any:
        body = b"" if data is None else json.dumps(data).encode()
        return self.send("POST", path, body, **headers)


def error_of(answer: Any) -> dict[str, str]:
    """Return the error of an answer, which must be one, in the one shape that errors have."""
    assert answer.status_code >= 400, answer.content
    assert answer.headers["Content-Type"].startswith(JSON)
    body = json.loads(answer.content)
    assert set(body) == {"error"}
    error: dict[str, str] = body["error"]
    assert {"code", "message"} <= set(error) <= {"code", "message", "field"}
    assert "Traceback" not in error["message"]
    return error
