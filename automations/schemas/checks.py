"""Checks of JSON Schemas before use, and of data against them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from automations.text import MAX_DEPTH, one_line

MAX_BYTES = 64 * 1024
MAX_SCHEMA_DEPTH = 32
MAX_TRAIL = 100
MAX_EXPANDED = 5_000
MAX_REPORTED = 20
MAX_PATTERN_BYTES = 1_000_000

# The `regex` engine is linear in the text it reads; the size limits stop `(a{1000}){1000}`.
_PATTERNS = jsonschema_rs.RegexOptions(
    size_limit=MAX_PATTERN_BYTES, dfa_size_limit=MAX_PATTERN_BYTES
)
_MOVING_KEYWORDS = ("$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef")
_ONE_SCHEMA = frozenset(
    {
        "additionalItems",
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_LIST_OF_SCHEMAS = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
_NAMED_SCHEMAS = frozenset(
    {
        "$defs",
        "definitions",
        "dependencies",
        "dependentSchemas",
        "patternProperties",
        "properties",
    }
)

Schema = dict[str, Any]


def check_schema(schema: object) -> list[str]:
    """Return a sentence per reason why a JSON Schema cannot be used; empty when it can.

    Accepted: an object of at most 64 KB and 32 levels; references only as JSON pointers within it
    and never in a circle; patterns without look-around and back-references.
    """
    if not isinstance(schema, dict):
        return ['The schema must be a JSON object, for example {"type": "object"}.']
    return _size_faults(schema) or _reference_faults(schema) or _compile_faults(schema)


def errors_in(instance: object, schema: Schema) -> list[str]:
    """Return a sentence per way in which `instance` breaks `schema`, at most 20.

    Each begins with the JSON path (`$.points[0]: ...`) and never quotes the value.
    `schema` must have passed `check_schema`; otherwise `ValueError` is raised.
    """
    if _is_deeper(instance, MAX_DEPTH):
        return [f"$: nested more than {MAX_DEPTH} levels deep; make it flatter."]
    try:
        errors = _compiled(json.dumps(schema)).iter_errors(instance)
        return [_sentence(error) for error in islice(errors, MAX_REPORTED)]
    except UnicodeEncodeError:
        return ["$: a text holds half of a surrogate pair, which is no character; replace it."]


@lru_cache(maxsize=128)
def _compiled(schema_json: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(
        schema_json,
        offline=True,
        mask="the value",
        pattern_options=_PATTERNS,
        validate_formats=True,
    )


# --- complaints about data ------------------------------------------------------------------


def _length(error: jsonschema_rs.ValidationError, bound: str) -> str:
    return f"{len(str(error.instance)):,} characters; {bound}"


_WORDING: dict[str, Callable[[jsonschema_rs.ValidationError], str]] = {
    "anyOf": lambda error: "the value fits none of the allowed forms",
    "contains": lambda error: "no item is of the required kind",
    "falseSchema": lambda error: "nothing is allowed here",
    "maxLength": lambda error: _length(error, f"at most {error.kind.value:,} allowed"),
    "minLength": lambda error: _length(error, f"needs {error.kind.value:,}"),
    "not": lambda error: "the value is one of those not allowed",
    "required": lambda error: f'"{error.kind.value}" is missing',
}


def _sentence(error: jsonschema_rs.ValidationError) -> str:
    wording = _WORDING.get(error.kind.name)
    text = wording(error) if wording else error.message
    return one_line(f"{_json_path(error.instance_path)}: {text}", limit=299) + "."


def _json_path(parts: list[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)


# --- complaints about schemas ---------------------------------------------------------------


def _size_faults(schema: Schema) -> list[str]:
    if _is_deeper(schema, MAX_SCHEMA_DEPTH):
        return [f"The schema is nested more than {MAX_SCHEMA_DEPTH} levels deep; use `$defs`."]
    try:
        size = len(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError):
        return ["The schema holds something that is not JSON; use texts, numbers, lists, objects."]
    if size > MAX_BYTES:
        return [f"The schema has {size:,} bytes; at most {MAX_BYTES:,} are allowed, so shorten it."]
    return []


def _is_deeper(value: object, limit: int) -> bool:
    """Say whether lists and objects are nested more than `limit` deep, without recursion."""
    level = [value]
    for _ in range(limit + 1):
        level = [child for item in level for child in _contained(item)]
        if not level:
            return False
    return True


def _contained(item: object) -> list[object]:
    if isinstance(item, dict):
        return list(item.values())
    return list(item) if isinstance(item, (list, tuple)) else []


def _reference_faults(schema: Schema) -> list[str]:
    survey = _Survey(schema)
    size = survey.size_of(schema, ())
    if not survey.faults and size > MAX_EXPANDED:
        survey.faults.append(
            f"With its references written out the schema has {size:,} parts; "
            f"at most {MAX_EXPANDED:,} are allowed, so reuse fewer definitions."
        )
    return list(dict.fromkeys(survey.faults))[:MAX_REPORTED]


@dataclass(slots=True)
class _Survey:
    """A walk over a schema with its references followed: how large it is, and what is refused.

    Validators report errors once per way that leads to them: a 1.5 KB schema of doubled
    references keeps one busy for minutes, hence the limit on the size written out.
    """

    root: Schema
    faults: list[str] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)

    def size_of(self, node: object, trail: tuple[int, ...]) -> int:
        if not isinstance(node, dict):
            return 1
        if id(node) in trail or len(trail) > MAX_TRAIL:
            self.faults.append(
                "The schema refers to itself, or through too many references in a row; "
                "write out the levels you need."
            )
            return 1
        if id(node) not in self.sizes:
            self._refuse_keywords(node)
            parts = (*parts_of(node), *self._referred(node))
            inner = (*trail, id(node))
            self.sizes[id(node)] = 1 + sum(self.size_of(part, inner) for part in parts)
        return self.sizes[id(node)]

    def _refuse_keywords(self, node: Schema) -> None:
        moving = [name for name in _MOVING_KEYWORDS if isinstance(node.get(name), (str, bool))]
        if node is not self.root and isinstance(node.get("$id"), str):
            moving.append("$id")
        self.faults += [
            f"`{name}` is not supported inside a schema; refer by `#/$defs/name` instead."
            for name in moving
        ]

    def _referred(self, node: Schema) -> list[object]:
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return []
        shown = one_line(reference, limit=80)
        if not reference.startswith("#/"):
            self.faults.append(
                f"`$ref` to `{shown}` is refused: nothing is fetched and nothing refers to itself; "
                "copy the definition into `$defs` and write `#/$defs/name`."
            )
            return []
        try:
            return [_resolve(self.root, reference)]
        except (LookupError, ValueError):
            self.faults.append(f"`$ref` to `{shown}` leads nowhere; add it or correct the name.")
            return []


def parts_of(node: Schema) -> Iterator[object]:
    """Yield the schemas directly inside a schema (and not the data in `enum` or `default`)."""
    for keyword, value in node.items():
        if keyword in _NAMED_SCHEMAS and isinstance(value, dict):
            yield from value.values()
        elif keyword in _LIST_OF_SCHEMAS and isinstance(value, list):
            yield from value
        elif keyword in _ONE_SCHEMA:
            yield value


def _resolve(root: Schema, reference: str) -> object:
    """Follow a JSON pointer (RFC 6901). Raises `LookupError` or `ValueError` at a dead end."""
    found: Any = root
    for part in unquote(reference).removeprefix("#/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        found = found[int(key)] if isinstance(found, list) else dict(found)[key]
    return found


def _compile_faults(schema: Schema) -> list[str]:
    try:
        _compiled(json.dumps(schema))
    except jsonschema_rs.ValidationError as error:
        return [_schema_sentence(schema, error)]
    except ValueError as error:
        return [f"The schema cannot be read ({one_line(str(error))}); correct it."]
    return []


def _schema_sentence(schema: Schema, error: jsonschema_rs.ValidationError) -> str:
    if not error.instance_path:
        return f"The schema is wrong: {one_line(error.message)}; correct it."
    culprit: Any = schema
    for part in error.instance_path:
        culprit = culprit[part]
    shown = one_line(json.dumps(culprit, ensure_ascii=False), limit=60)
    reason = "is not allowed there"
    if error.kind.name == "format":
        reason = "is not a usable pattern (no look-around, no back-references, no huge repeats)"
    return f"The schema is wrong at {_json_path(error.instance_path)}: {shown} {reason}."
