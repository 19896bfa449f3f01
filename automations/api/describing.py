"""Parts of the OpenAPI document that ninja cannot know: bodies that we read ourselves."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from automations.api.bodies import JSON


def json_request(model: type[BaseModel], **others: dict[str, Any]) -> dict[str, Any]:
    """Return the request body of an operation: `model` as JSON, or other content types."""
    schema = model.model_json_schema()
    content = {JSON: {"schema": schema}, **{kind: {"schema": s} for kind, s in others.items()}}
    return {"requestBody": {"required": True, "content": content}}
