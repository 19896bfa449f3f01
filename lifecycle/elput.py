"""ELPUT, the Expected Long-Term Profit Per Unit Time: factors, score, bands. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from enum import StrEnum

LOWEST, HIGHEST = 1, 10
BUILD_FROM, PROTOTYPE_FROM = Decimal("7.5"), Decimal("6.0")
TENTH = Decimal("0.1")
DIGITS, FINEST = 4, Decimal("0.0001")  # of a weight: five sum to 1 without being rounded
TIMES = "\N{MULTIPLICATION SIGN}"
BAD_WEIGHT = "Every weight is a number from 0 to 1 with at most four decimals, such as 0.20."
OUT_OF_RANGE = "Every factor is a whole number from 1 to 10."


class Formula(StrEnum):
    """Which score decides: the weighted mean of the raw values, or of the direction-adjusted."""

    PUBLISHED = "published"
    ADJUSTED = "adjusted"


class Verdict(StrEnum):
    """The three bands of a score."""

    BUILD = "build"
    PROTOTYPE = "prototype"
    SKIP = "skip"


VERDICTS = {
    Verdict.BUILD: "Build immediately",
    Verdict.PROTOTYPE: "Prototype this week",
    Verdict.SKIP: "Skip or radically simplify",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One of a factor's three questions; `key` names its answer in a scorecard."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Factor:
    """One of the five; `ends` says in words what 1 and what 10 mean."""

    key: str
    label: str
    ends: tuple[str, str]
    questions: tuple[Question, ...]
    lower_is_better: bool = False


FACTORS = (
    Factor(
        "revenue_impact",
        "Revenue impact",
        ("no effect on money", "earns or saves a lot"),
        (
            Question("direct_revenue", "Does it earn money directly?"),
            Question("measurable_roi", "Can you measure what it returns?"),
            Question("new_services", "Does it open up services you can charge for?"),
        ),
    ),
    Factor(
        "time_to_implement",
        "Time to implement",
        ("ships today", "takes months"),
        (
            Question("ship_this_week", "Can you ship it this week?"),
            Question("all_pieces", "Do you have all the pieces?"),
            Question("documented_tools", "Is every tool it needs clearly documented?"),
        ),
        lower_is_better=True,
    ),
    Factor(
        "risk",
        "Risk",
        ("nothing breaks", "a failure is a disaster"),
        (
            Question("breaks_others", "Does anything else break if it fails?"),
            Question("customer_facing", "Do customers see its output?"),
            Question("wide_blast_radius", "Is the blast radius of a failure wide?"),
        ),
        lower_is_better=True,
    ),
    Factor(
        "scalability",
        "Scalability",
        ("one at a time", "any volume"),
        (
            Question("ten_times_volume", "Can it serve ten times the volume?"),
            Question("linear_effort", "Does each item need human effort?"),
            Question("sold_as_product", "Can you sell it as a product?"),
        ),
    ),
    Factor(
        "reusability",
        "Reusability",
        ("a one-off", "a product for many"),
        (
            Question("other_clients", "Can other clients use it?"),
            Question("is_template", "Is it a template rather than a one-off?"),
            Question("packaged", "Can you package and sell the whole system?"),
        ),
    ),
)
KEYS = tuple(factor.key for factor in FACTORS)
EQUAL = dict.fromkeys(KEYS, "0.20")
FRAGILE = dict(zip(KEYS, ("0.30", "0.20", "0.20", "0.15", "0.15"), strict=True))
PRESETS = {"equal": ("Equal weights", EQUAL), "fragile": ("Fragile operations", FRAGILE)}


def equal_weights() -> dict[str, str]:
    """Return the published weights, as decimal texts that sum to 1."""
    return dict(EQUAL)


def round_score(value: Decimal) -> Decimal:
    """Round half up to one decimal: 7.45 is 7.5, 7.44 is 7.4."""
    return value.quantize(TENTH, rounding=ROUND_HALF_UP)


def weights_of(raw: object) -> dict[str, Decimal]:
    """Return five weights as numbers, by factor.

    Raises:
        ValueError: not five numbers from 0 to 1 that sum to exactly 1.
    """
    found = raw if isinstance(raw, Mapping) else {}
    parts = {key: _weight(found.get(key)) for key in KEYS}
    if sum(parts.values()) != 1:
        raise ValueError(f"The five weights sum to {sum(parts.values())}; make them sum to 1.")
    return parts


def _weight(raw: object) -> Decimal:
    try:
        weight = Decimal(str(raw))
    except InvalidOperation:
        weight = Decimal("NaN")
    if not weight.is_finite() or not 0 <= weight <= 1 or weight != weight.quantize(FINEST):
        raise ValueError(BAD_WEIGHT)
    return weight


def score(
    values: Mapping[str, int], weights: Mapping[str, str], formula: str = Formula.PUBLISHED
) -> Decimal:
    """Return the score, 1.0 to 10.0, of five values of 1 to 10 under weights that sum to 1.

    The published formula is the plain weighted mean (source article, phase 1); the adjusted one
    takes 11 - x for the factors of which less is better.

    Raises:
        ValueError: a value outside 1 to 10, or weights that do not sum to 1.
    """
    if any(not _is_value(values.get(key)) for key in KEYS):
        raise ValueError(OUT_OF_RANGE)
    parts, counted = weights_of(weights), counted_values(values, formula)
    return round_score(sum((parts[key] * counted[key] for key in KEYS), Decimal(0)))


def _is_value(value: object) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and LOWEST <= value <= HIGHEST  # type: ignore[operator]


def counted_values(values: Mapping[str, int], formula: str = Formula.PUBLISHED) -> dict[str, int]:
    """Return the values as a formula counts them: as they are, or 11 - x where less is better."""
    adjusted = formula == Formula.ADJUSTED
    return {f.key: _value(f, values[f.key], adjusted=adjusted) for f in FACTORS}


def in_words(values: Mapping[str, int], weights: object, formula: str) -> str:
    """Say how a score comes about: "(7 + 3 + 2 + 9 + 9) ÷ 5"."""
    parts, counted = weights_of(weights), counted_values(values, formula)
    if parts == weights_of(EQUAL):
        return f"({' + '.join(str(counted[key]) for key in KEYS)}) ÷ {len(KEYS)}"
    return " + ".join(f"{weight_in_words(parts[key])} {TIMES} {counted[key]}" for key in KEYS)


def weights_in_words(weights: object) -> str:
    """Say weights: "equal weights", or "0.30 / 0.20 / 0.20 / 0.15 / 0.15"."""
    parts = weights_of(weights)
    if parts == weights_of(EQUAL):
        return "equal weights"
    return " / ".join(weight_in_words(parts[key]) for key in KEYS)


def weight_in_words(weight: Decimal) -> str:
    """Write a weight with two digits, or all it has: "0.30", "0.125"."""
    text = f"{weight:.{DIGITS}f}"
    return text[:-2] + text[-2:].rstrip("0")


def _value(factor: Factor, value: int, *, adjusted: bool) -> int:
    return LOWEST + HIGHEST - value if adjusted and factor.lower_is_better else value


def verdict_of(scored: Decimal) -> Verdict:
    """Return the band of a score, which is rounded first: 7.45 builds, 5.95 prototypes."""
    rounded = round_score(scored)
    if rounded >= BUILD_FROM:
        return Verdict.BUILD
    return Verdict.PROTOTYPE if rounded >= PROTOTYPE_FROM else Verdict.SKIP
