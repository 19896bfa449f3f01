"""Values made up to fit a JSON Schema: for dry runs, drills and examples."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
# Values for the formats of JSON Schema that a plain text is none of.
_FORMATS = {
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "sample@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
}


def minimal(schema: Any, root: Schema, depth: int = 0) -> Any:
    """Return the smallest value that a JSON schema is likely to accept."""
    if not isinstance(schema, dict) or depth > 40:
        return None
    if "$ref" in schema:
        return minimal(_referred(root, str(schema["$ref"])), root, depth + 1)
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if schema.get("enum"):
        return schema["enum"][0]
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            rest = {name: value for name, value in schema.items() if name != word}
            return minimal({**rest, **schema[word][0]}, root, depth + 1)
    return _of_kind(schema, root, depth)


def filled_out(schema: Schema) -> Any:
    """Return a value that a schema is likely to accept, with every property it names."""
    made = minimal(schema, schema)
    if not isinstance(made, dict):
        return made
    named = schema.get("properties", {})
    return made | {name: minimal(part, schema) for name, part in named.items() if name not in made}


def _of_kind(schema: Schema, root: Schema, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        known = schema.get("properties", {})
        needed = schema.get("required", [])
        return {name: minimal(known.get(name, {}), root, depth + 1) for name in needed}
    if kind == "array":
        item = minimal(schema.get("items", {}), root, depth + 1)
        return [item] * int(schema.get("minItems", 0))
    if kind in ("integer", "number"):
        return _number(schema)
    return {"boolean": False, "null": None}.get(kind, _string(schema))


def _number(schema: Schema) -> int | float:
    least: int | float | None = schema.get("minimum")
    if least is None and "exclusiveMinimum" in schema:
        least = schema["exclusiveMinimum"] + 1
    if least is None:
        least = min(0, schema.get("maximum", schema.get("exclusiveMaximum", 1) - 1))
    step: int | float = schema.get("multipleOf", 0)
    return -(-least // step) * step if step else least


def _string(schema: Schema) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", 4000))
    return sized("sample", max(least, min(6, most)), most)


def _referred(root: Schema, reference: str) -> Any:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, dict) else None
    return found


def sized(words: str, wanted: int, most: int) -> str:
    """Repeat or cut a text to about `wanted` characters, never more than `most`."""
    filled = words
    while len(filled) < wanted:
        filled = f"{filled} {words}"
    if len(filled) <= most and len(filled) <= 2 * wanted:
        return filled
    cut = filled[: min(most, 2 * wanted)]
    whole = cut.rsplit(" ", 1)[0]
    return whole if len(whole.strip()) >= wanted else cut.rstrip()
