"""What a call of a hook says, made into inputs of runs or into objects that a source reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from automations import environment, schemas, stores
from automations.errors import AutomationsError
from automations.models import Automation, Source, Trigger
from automations.text import one_line

MOST_RECORDS = 100
MOST_SHOWN = 3
OBJECT_STORE = "object_store"
TEST_EVENT = "s3:TestEvent"


class Unfit(AutomationsError):
    """A call's body is nothing that this trigger can make a run of."""


class Ignored(str):
    """Why a part of a call is left alone, in a sentence."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """One run to start: its input, or the item that its source reads."""

    data: dict[str, Any] = field(default_factory=dict)
    item: str = ""
    event_id: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """An object that an object store tells of."""

    bucket: str
    key: str
    what: str
    event_id: str = ""


def pieces_of(trigger: Trigger, payload: Any) -> tuple[list[Piece], list[Ignored]]:
    """Return the runs that a call asks for, and why parts of it are left alone.

    Raises:
        Unfit: the body does not fit the automation's input or its source.
    """
    if trigger.kind == "object_event":
        return _from_events(trigger.automation, payload)
    chosen = _at(payload, trigger.settings.get("field", ""))
    return [Piece(data=input_of(trigger.automation, chosen))], []


def input_of(automation: Automation, value: Any) -> dict[str, Any]:
    """Return the input that a value makes: its fields as they are, or a text.

    An automation that takes a plain text takes any other JSON as a text, too.

    Raises:
        Unfit: it does not fit the input schema.
    """
    if isinstance(value, dict):
        problems = schemas.errors_in(value, automation.input_schema)
        if not problems:
            return value
        if not automation.takes_plain_text or "content" in value:
            raise Unfit(f"The input does not fit: {_listed(problems)}")
    if not automation.takes_plain_text:
        names = ", ".join(automation.input_names)
        raise Unfit(f"Send a JSON object with the fields of the input: {names}.")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    made = {"content": text}
    if problems := schemas.errors_in(made, automation.input_schema):
        raise Unfit(f"The input does not fit: {_listed(problems)}")
    return made


def _listed(problems: list[str]) -> str:
    return " ".join(problems[:MOST_SHOWN])


def _at(payload: Any, path: str) -> Any:
    """Return the part of a body that a dotted path names."""
    value = payload
    for name in path.split(".") if path else []:
        if isinstance(value, list) and name.isascii() and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            raise Unfit(f"The body has no field {path}; that is what this hook takes.")
    return value


def _from_events(automation: Automation, payload: Any) -> tuple[list[Piece], list[Ignored]]:
    source = getattr(automation, "source", None)
    if source is None or source.kind != OBJECT_STORE:
        raise Unfit(f"{automation} does not read an object store; set its source to one.")
    pieces: list[Piece] = []
    ignored: list[Ignored] = []
    for event in _events_in(payload):
        judged = event if isinstance(event, Ignored) else _judged(source, event)
        if isinstance(judged, Ignored):
            ignored.append(judged)
        else:
            pieces.append(judged)
    return pieces, ignored


def _judged(source: Source, event: Event) -> Piece | Ignored:
    bucket = source.settings.get("bucket") or environment.read("CONTENT_BUCKET")
    if event.bucket != bucket:
        shown = one_line(event.bucket, limit=80)
        raise Unfit(f"This hook takes objects of the source's bucket {bucket}, not of {shown}.")
    name = one_line(event.key, limit=200)
    if not event.what.startswith("ObjectCreated"):
        return Ignored(f"{one_line(event.what, limit=60)} of {name}: only new objects count.")
    pattern = source.settings.get("pattern") or "**"
    if not stores.fits(pattern, event.key):
        return Ignored(f"{name} does not match the source's pattern {pattern}.")
    return Piece(item=event.key, event_id=event.event_id, note=name)


def _events_in(payload: Any) -> list[Event | Ignored]:
    """Read the two forms in which S3 tells of objects: its own, and EventBridge's."""
    if isinstance(payload, dict) and payload.get("Event") == TEST_EVENT:
        return [Ignored("A test event of the object store; all is well.")]
    try:
        if isinstance(payload, dict) and isinstance(payload.get("Records"), list):
            return _records(payload["Records"])
        return [_event_bridge(payload)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unfit(
            'This is no object event; an S3 event notification ({"Records": [...]}) or an '
            'Amazon EventBridge event ({"detail": {"bucket", "object"}}) is taken.'
        ) from error


def _records(records: list[Any]) -> list[Event | Ignored]:
    if len(records) > MOST_RECORDS:
        raise Unfit(f"There are {len(records)} records; at most {MOST_RECORDS} are taken at once.")
    return [_record(record) for record in records]


def _record(record: Mapping[str, Any]) -> Event:
    told = record["s3"]
    # S3 writes keys as in a form's address: a space is a plus sign, a plus sign is %2B.
    key = _text(unquote_plus(_text(told["object"]["key"]), errors="strict"))
    bucket, what = _text(told["bucket"]["name"]), _text(record.get("eventName", "ObjectCreated"))
    order = told["object"].get("sequencer")
    return Event(bucket, key, what.removeprefix("s3:"), _event_id(bucket, key, order))


def _event_bridge(payload: Mapping[str, Any]) -> Event:
    detail = payload["detail"]
    bucket, key = _text(detail["bucket"]["name"]), _text(detail["object"]["key"])
    what = _text(payload.get("detail-type", "Object Created")).replace(" ", "")
    # EventBridge writes keys as they are.
    return Event(bucket, key, what, _event_id(bucket, key, detail["object"].get("sequencer")))


def _event_id(bucket: str, key: str, order: Any) -> str:
    """Name one writing of one object: S3 may tell of it twice."""
    if not isinstance(order, str) or not order:
        return ""
    return "s3:" + hashlib.sha256(f"{bucket}\0{key}\0{order}".encode()).hexdigest()


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > 1000 or "\0" in value:
        raise TypeError("a text of up to 1,000 characters is needed")
    return value
