"""The recipe of a version as people read it, and what differs between two of them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from automations import messages, prompts, validators
from automations.differences import Budget, Comparison, Piece, by_lines, by_words
from automations.errors import Problem
from automations.models import ValidatorRule, Version
from automations.schemas import fields_of
from automations.validators.length import Length


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a recipe: its name, its label, and whether its value fills lines."""

    name: str
    label: str
    is_long: bool = False
    unit: str = ""


FIELDS = (
    Field("system_prompt", "System prompt", is_long=True),
    Field("user_prompt", "User prompt", is_long=True),
    Field("examples", "Examples", is_long=True),
    Field("provider", "Provider"),
    Field("model", "Model"),
    Field("fallback_models", "Fallback models"),
    Field("temperature", "Temperature"),
    Field("max_output_tokens", "Tokens of an answer, at most"),
    Field("parameters", "Further parameters", is_long=True),
    Field("output_schema", "Output schema", is_long=True),
    Field("output_template", "Output template", is_long=True),
    Field("max_attempts", "Attempts, at most"),
    Field("max_repairs", "Repairs, at most"),
    Field("call_timeout_s", "Time limit of a call", unit="s"),
    Field("deadline_s", "Time limit of a run", unit="s"),
)
EDITED = ("note", *(field.name for field in FIELDS))
LABELS = {"note": "Note", **{field.name: field.label for field in FIELDS}}


@dataclass(frozen=True, slots=True)
class Part:
    """One field with its value as text; an empty text: not set."""

    name: str
    label: str
    text: str
    is_long: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs: side by side by lines, and for short values in one line."""

    name: str
    label: str
    is_long: bool
    comparison: Comparison
    inline: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A check in words."""

    direction: str
    label: str
    settings: str


@dataclass(frozen=True, slots=True)
class CheckDifference:
    """A check that was added, removed, changed or moved; `pieces` are its settings."""

    state: str
    direction: str
    label: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class RecipeComparison:
    """What differs between two recipes, and the fields that do not."""

    changed: tuple[Difference, ...]
    same: tuple[Part, ...]
    checks: tuple[CheckDifference, ...]
    same_checks: int
    is_coarse: bool

    @property
    def is_same(self) -> bool:
        return not self.changed and not self.checks

    @property
    def long(self) -> list[Difference]:
        return [difference for difference in self.changed if difference.is_long]

    @property
    def short(self) -> list[Difference]:
        return [difference for difference in self.changed if not difference.is_long]

    @property
    def in_words(self) -> str:
        """What differs, by name, in one line."""
        named = [difference.label for difference in self.changed]
        named += ["Checks"] if self.checks else []
        return ", ".join(named)


def parts_of(version: Version) -> dict[str, Part]:
    """Return the fields of a recipe by name, as text."""
    return {
        field.name: Part(field.name, field.label, _text(version, field), field.is_long)
        for field in FIELDS
    }


def text_of(version: Version, name: str) -> str:
    """Return the value of one edited field as text."""
    known = {field.name: field for field in FIELDS}
    return _text(version, known[name]) if name in known else str(getattr(version, name))


def _text(version: Version, field: Field) -> str:
    value = getattr(version, field.name)
    if field.name == "fallback_models":
        return "\n".join(str(name) for name in value or [])
    if field.name in ("examples", "parameters", "output_schema"):
        return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
    text = str(value)
    return f"{text} {field.unit}" if field.unit else text


def marks_of(version: Version) -> dict[str, str]:
    """Return a short hash per edited field: what a form has seen when it was opened."""
    return {name: _mark(version, name) for name in EDITED}


def _mark(version: Version, name: str) -> str:
    value = version.provider_id if name == "provider" else getattr(version, name)
    value = float(value) if name == "temperature" else value
    text = json.dumps(value, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def compare(old: Version, new: Version) -> RecipeComparison:
    """Return what differs from `old` to `new`; the work is bounded for the whole."""
    budget = Budget()
    before, after = parts_of(old), parts_of(new)
    changed = [
        _difference(before[name], part, budget)
        for name, part in after.items()
        if part.text != before[name].text
    ]
    olds, news = list(old.validator_rules.all()), list(new.validator_rules.all())
    checks = _check_differences(olds, news, budget)
    touched = sum(check.state in ("changed", "added") for check in checks)
    return RecipeComparison(
        tuple(changed),
        tuple(part for name, part in after.items() if part.text == before[name].text),
        tuple(checks),
        len(news) - touched,
        budget.was_spent,
    )


def _difference(old: Part, new: Part, budget: Budget) -> Difference:
    return Difference(
        new.name,
        new.label,
        new.is_long,
        by_lines(old.text, new.text, budget=budget),
        () if new.is_long else _short(old.text, new.text),
    )


def _short(old: str, new: str) -> tuple[Piece, ...]:
    """Show a short value whole: nobody reads half a model's name."""
    pieces = (Piece(old.replace("\n", ", "), "del"), Piece(new.replace("\n", ", "), "ins"))
    return tuple(piece for piece in pieces if piece.text)


def checks_of(version: Version) -> list[Check]:
    """Return the checks of a version in words, in the order in which they judge."""
    return [Check(*_words(rule)) for rule in version.validator_rules.all()]


def _words(rule: ValidatorRule) -> tuple[str, str, str]:
    kind = validators.registry.get(rule.kind)
    return rule.get_direction_display(), kind.label, kind.summary(rule.settings)


def _check_differences(
    olds: Sequence[ValidatorRule], news: Sequence[ValidatorRule], budget: Budget
) -> list[CheckDifference]:
    """Pair checks of one direction and kind in their order; what finds no partner came or went."""
    waiting: dict[tuple[str, str], list[ValidatorRule]] = defaultdict(list)
    for rule in olds:
        waiting[rule.direction, rule.kind].append(rule)
    found: list[CheckDifference] = []
    for rule in news:
        mates = waiting[rule.direction, rule.kind]
        if not mates:
            found.append(_check(rule, "added", (Piece(_words(rule)[2], "ins"),)))
        elif (mate := mates.pop(0)).settings != rule.settings:
            found.append(_check(rule, "changed", _settings(mate, rule, budget)))
    for mates in waiting.values():
        found += [_check(rule, "removed", (Piece(_words(rule)[2], "del"),)) for rule in mates]
    return found or _moved(olds, news)


def _settings(old: ValidatorRule, new: ValidatorRule, budget: Budget) -> tuple[Piece, ...]:
    before, after = _words(old)[2], _words(new)[2]
    if before == after:  # what the words leave out
        before, after = (
            json.dumps(rule.settings, sort_keys=True, ensure_ascii=False) for rule in (old, new)
        )
    return by_words(before, after, budget=budget)


def _check(rule: ValidatorRule, state: str, pieces: tuple[Piece, ...]) -> CheckDifference:
    direction, label, _ = _words(rule)
    return CheckDifference(state, direction, label, tuple(piece for piece in pieces if piece.text))


def _moved(olds: Sequence[ValidatorRule], news: Sequence[ValidatorRule]) -> list[CheckDifference]:
    """Name the checks that judge at another place, where nothing else differs."""
    places = zip(olds, news, strict=True)
    return [_check(new, "moved", ()) for old, new in places if old.kind != new.kind]


def previewed(version: Version) -> list[messages.Message]:
    """Render the saved prompts with each field's title in its place; empty if they cannot be."""
    try:
        fields = fields_of(version.automation.input_schema)
        values = {field.name: f"[{field.title}]" for field in fields}
        return messages.build(version, values, boundary="0000000000")
    except (Problem, KeyError):
        return []


def is_untouched(version: Version) -> bool:
    """Tell whether a draft is as it was made: it passes its input on and asks for nothing."""
    plain = version.user_prompt.strip() == "{{ content }}" and not version.system_prompt.strip()
    return plain and not version.note and not version.examples


def unused_names(version: Version) -> list[str]:
    """Return the input fields that neither prompt uses: what people give is lost then."""
    used = {*prompts.names_in(version.system_prompt), *prompts.names_in(version.user_prompt)}
    return [name for name in version.automation.input_names if name not in used]


def lengths_refused(version: Version) -> str:
    """Say which lengths its checks refuse: "inputs under 100 characters"; empty for none."""
    rules = [rule for rule in version.validator_rules.all() if rule.kind == Length.kind]
    return " and ".join(filter(None, map(_refused, rules)))


def _refused(rule: ValidatorRule) -> str:
    bounds = (("under", rule.settings.get("min_stripped")), ("over", rule.settings.get("max_raw")))
    told = [f"{word} {bound:,}" for word, bound in bounds if bound]
    return f"{rule.direction}s {' or '.join(told)} characters" if told else ""
