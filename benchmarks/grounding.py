"""How well the grounding check tells clean outputs from planted faults, and how fast it is."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings

from benchmarks.arithmetic import wilson_lower
from benchmarks.grounding_set import Pair, pairs

TIMED_ROUNDS = 5
CHANGES = 3  # digits of each clean output, one at a time
GOALS = {"digit": 0.85, "date": 0.90, "email": 0.99, "quote": 0.99, "url": 0.99}
_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*")

Check = Callable[[Pair], tuple[str, ...]]


def measure() -> dict[str, Any]:
    """Return precision, recall by kind and speed of our rules and of the naive check."""
    if not settings.configured:  # forms ask for some; neither database nor keys are needed
        settings.configure(USE_I18N=False)
    ours, everything = _our_check(), pairs()
    parts = {
        "all": everything,
        "open": [pair for pair in everything if not pair.held_out],
        "held_out": [pair for pair in everything if pair.held_out],
    }
    return {
        "pairs": len(everything),
        "rules": {name: _judge(ours, part) for name, part in parts.items()},
        "verbatim": {name: _judge(verbatim, part) for name, part in parts.items()},
        "digits_changed_at_random": _changed_digits(ours, everything),
        "ms_per_2000_characters": _speed_ms(ours, everything),
    }


def verbatim(pair: Pair) -> tuple[str, ...]:
    """Flag every number of the output that does not stand so in the source: the baseline."""
    known = set(_TOKEN.findall(pair.source))
    return tuple(token for token in _TOKEN.findall(pair.output) if token not in known)


def _our_check() -> Check:
    from automations.validators import Subject, registry  # noqa: PLC0415 - needs settings

    kind = registry.get("grounding")
    validator = kind(kind.defaults("output"))

    def check(pair: Pair) -> tuple[str, ...]:
        verdict = validator.check(Subject(text=pair.output, input_text=pair.source))
        return () if verdict.passed else verdict.found

    return check


def _judge(check: Check, part: Sequence[Pair]) -> dict[str, Any]:
    """Count what is flagged; a fault counts as caught only if the planted passage is found."""
    flagged = {id(pair): check(pair) for pair in part}
    faulty = [pair for pair in part if pair.kind]
    alarms = sum(bool(flagged[id(pair)]) for pair in part if not pair.kind)
    caught = [pair for pair in faulty if _names(flagged[id(pair)], pair.planted)]
    kinds = sorted({pair.kind for pair in faulty})
    raised = alarms + len(caught)
    return {
        "clean": len(part) - len(faulty),
        "false_alarms": alarms,
        "caught": len(caught),
        "precision": len(caught) / raised if raised else 1.0,
        "precision_lower_95": wilson_lower(len(caught), raised),
        "recall": {kind: _of_kind(kind, caught, faulty) for kind in kinds},
    }


def _changed_digits(check: Check, part: Sequence[Pair]) -> dict[str, int]:
    """Change one digit of every clean output at random, three times, and count what is flagged.

    A change that the source supports, as a rounded number may be, counts as missed.
    """
    dice, caught, tried = random.Random(7), 0, 0
    for pair in part:
        places = [place for place, letter in enumerate(pair.output) if letter in "0123456789"]
        if pair.kind or not places or check(pair):
            continue
        for place in dice.choices(places, k=CHANGES):
            old = pair.output[place]
            new = dice.choice([digit for digit in "123456789" if digit != old])
            changed = pair.output[:place] + new + pair.output[place + 1 :]
            caught += bool(check(replace(pair, output=changed)))
            tried += 1
    return {"caught": caught, "tried": tried}


def _names(found: Sequence[str], planted: str) -> bool:
    wrong = planted.casefold()
    return any(one.casefold() in wrong or wrong in one.casefold() for one in found)


def _of_kind(kind: str, caught: Sequence[Pair], faulty: Sequence[Pair]) -> list[int]:
    return [sum(pair.kind == kind for pair in group) for group in (caught, faulty)]


def _speed_ms(check: Check, everything: Sequence[Pair]) -> dict[str, float]:
    """Return CPU milliseconds per 2,000 characters of source and output together."""
    size = sum(len(pair.source) + len(pair.output) for pair in everything)
    times = []
    for _ in range(TIMED_ROUNDS):
        began = time.process_time()
        for pair in everything:
            check(pair)
        times.append((time.process_time() - began) * 1000 * 2000 / size)
    return {"best": min(times), "median": sorted(times)[len(times) // 2], "worst": max(times)}


# --- the table ------------------------------------------------------------------------------


def table(result: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    rules, naive = result["rules"], result["verbatim"]["all"]
    rows = [
        ("precision (lower 95 % bound)", "≥ 0.95", *map(_precision, _columns(rules, naive))),
        ("false alarms on clean outputs", "", *map(_alarms, _columns(rules, naive))),
    ]
    for kind in rules["all"]["recall"]:
        goal = f"≥ {GOALS[kind]:.0%}" if kind in GOALS else ""
        found = [_share(column["recall"].get(kind, [0, 0])) for column in _columns(rules, naive)]
        rows.append((f"planted faults found: {kind}", goal, *found))
    random_ones = result["digits_changed_at_random"]
    changed = f"{random_ones['caught']} of {random_ones['tried']}"
    rows.append(
        ("a digit of a clean output changed at random: found", "≥ 85%", changed, "", "", "")
    )
    speed = result["ms_per_2000_characters"]
    told = f"{speed['median']:.1f} ({speed['best']:.1f} to {speed['worst']:.1f})"
    rows.append(("CPU ms per 2,000 characters", "< 5", told, "", "", ""))
    heads = ("Grounding", "Goal", "all", "open two thirds", "held out", "numbers verbatim only")
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _columns(rules: dict[str, Any], naive: dict[str, Any]) -> list[dict[str, Any]]:
    return [rules["all"], rules["open"], rules["held_out"], naive]


def _precision(figures: dict[str, Any]) -> str:
    return f"{figures['precision']:.3f} ({figures['precision_lower_95']:.3f})"


def _alarms(figures: dict[str, Any]) -> str:
    return f"{figures['false_alarms']} of {figures['clean']}"


def _share(counts: Sequence[int]) -> str:
    caught, planted = counts
    return f"{caught} of {planted}" if planted else "none planted"
