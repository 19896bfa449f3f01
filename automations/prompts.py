"""Templates with one construct, `{{ name }}`: values are inserted once and never read again."""

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from automations.errors import Problem

MAX_LENGTH = 20_000
MAX_REPORTED = 10

_SLOT = re.compile(r"\{\{[ \t]*([a-z][a-z0-9_]*)[ \t]*\}\}")
_OPENING = "{{"


class PromptError(Problem):
    """A template cannot be rendered; the message says where it is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message, category="validation_error", code="template_error")


@dataclass(frozen=True, slots=True)
class _Opening:
    """One `{{` of a template: where it stands, and the name in it if it is well formed."""

    start: int
    name: str | None


def names_in(template: str) -> list[str]:
    """Return the names a template uses, each once, in order of first use."""
    return list(dict.fromkeys(slot.name for slot in _openings(template) if slot.name))


def check(template: str, names: Collection[str]) -> list[str]:
    """Return a sentence per thing wrong with a template that may use `names`; empty when good.

    `{%`, `{#`, single braces and a lone `}}` are plain text. Stops after 10 sentences.
    """
    if len(template) > MAX_LENGTH:
        size = f"{len(template):,} characters; at most {MAX_LENGTH:,} are allowed"
        return [f"The template has {size}, so shorten it."]
    wrong: list[str] = []
    for opening in _openings(template):
        if opening.name not in names:
            wrong.append(_complaint(template, opening, names))
        if len(wrong) == MAX_REPORTED:
            break
    return wrong


def render(template: str, values: Mapping[str, object]) -> str:
    """Return the template with each `{{ name }}` replaced by its value.

    A value is inserted as it is, whatever it contains. Lists become one line per item, other
    structures JSON, `None` nothing. Raises `PromptError` for the first thing `check` would say.
    """
    wrong = check(template, values.keys())
    if wrong:
        raise PromptError(wrong[0])
    return _SLOT.sub(lambda slot: as_text(values[slot[1]]), template)


def as_text(value: object) -> str:
    """Return the text a value becomes in a template."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return "\n".join(as_text(item) for item in value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _openings(template: str) -> Iterator[_Opening]:
    """Yield every `{{` that is not inside a well-formed slot, from left to right."""
    start = template.find(_OPENING)
    while start != -1:
        slot = _SLOT.match(template, start)
        yield _Opening(start, slot[1] if slot else None)
        start = template.find(_OPENING, slot.end() if slot else _end_of_braces(template, start))


def _end_of_braces(template: str, start: int) -> int:
    """Skip a whole row of opening braces, so that `{{{{` is one mistake and not three."""
    while template.startswith("{", start):
        start += 1
    return start


def _complaint(template: str, opening: _Opening, names: Collection[str]) -> str:
    where = _where(template, opening.start)
    if opening.name:
        return f"Unknown name `{opening.name}` {where}{_suggestion(opening.name, names)}"
    return f"`{_excerpt(template, opening.start)}` {where} {_mend(template, opening.start, names)}"


def _where(template: str, start: int) -> str:
    line = template.count("\n", 0, start) + 1
    column = start - (template.rfind("\n", 0, start) + 1) + 1
    return f"on line {line}, column {column}"


def _suggestion(name: str, names: Collection[str]) -> str:
    known = f"Known: {', '.join(sorted(names))}." if names else "No names are known here."
    nearest = difflib.get_close_matches(name, sorted(names), n=1)
    return f"; did you mean `{nearest[0]}`? {known}" if nearest else f". {known}"


def _mend(template: str, start: int, names: Collection[str]) -> str:
    example = next(iter(sorted(names)), "name")
    if "}}" not in template[start:].split("\n", 1)[0]:
        return (
            f"is not closed on its line; write `{{{{ {example} }}}}`, or `{{ {{` for plain braces."
        )
    return (
        "is not a name (small letters, digits and `_`, nothing else); "
        f"write `{{{{ {example} }}}}`, or `{{ {{` for plain braces."
    )


def _excerpt(template: str, start: int) -> str:
    line = template[start : start + 40].split("\n", 1)[0]
    return line.partition("}}")[0] + "}}" if "}}" in line else line.rstrip()
