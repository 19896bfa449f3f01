"""What the checks of an automation's versions refused, and what was delivered past them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from automations import connectors, drilling
from automations.models import Delivery, Run, ValidatorRule, Version
from lifecycle.evidence.subject import Subject

CANDIDATES = 100  # newest runs whose verdicts are read


def number_of(subject: Subject, direction: str) -> int:
    """Count the live version's checks of one direction; its output schema is one of them.

    The input's own schema is not: every automation has one, and it says little.
    """
    schema = direction == "output" and subject.live is not None and subject.live.output_schema
    return sum(rule.direction == direction for rule in subject.rules) + bool(schema)


def refused_runs(subject: Subject, direction: str, fault: str) -> list[int]:
    """Return the live version's runs in which a check refused something, newest first.

    The drill's own bad sample counts.
    """
    drilled = subject.drill.results if subject.drill else []
    by_drill = [row["run"] for row in drilled if row["fault"] == fault and row["passed"]]
    suspects = [
        run.id
        for run in subject.ended
        if subject.live is not None
        and run.version_id == subject.live.pk
        and (run.calls > 1 or run.error_category in drilling.CHECKS)
    ]
    found = _refused_in(subject, suspects[:CANDIDATES], direction)
    return [*by_drill, *(pk for pk in found if pk not in by_drill)]


def _refused_in(subject: Subject, ids: list[int], direction: str) -> list[int]:
    """Return the runs, of these, of which a check gave a verdict against."""
    known = verdicts_of(subject, ids)
    return [pk for pk in ids if any(_is_against(row, direction) for row in known.get(pk, ()))]


def _is_against(verdict: dict[str, Any], direction: str) -> bool:
    is_shape = direction == "input" and verdict.get("kind") == "schema"
    return verdict.get("direction") == direction and not verdict.get("passed") and not is_shape


def verdicts_of(subject: Subject, ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    """Return the stored verdicts of these runs; each run is read once for all boxes."""
    known = subject.verdicts
    missing = [pk for pk in ids if pk not in known]
    if missing:
        known.update(Run.objects.filter(pk__in=missing).values_list("pk", "verdicts"))
    return known


def delivered_unchecked(subject: Subject) -> list[int]:
    """Return the runs of the last 30 days that handed over what no output check had seen.

    What stays with its run was not handed over. A version without output checks lets everything
    through; of the others the newest runs' verdicts are read.
    """
    made = [run for run in subject.lately if run.succeeded and run.version_id]
    staying = [kind.kind for kind in connectors.destinations if not kind.leaves]
    arrived = Delivery.objects.filter(
        run_id__in=[run.id for run in made], state=Delivery.State.DELIVERED
    ).exclude(destination__kind__in=staying)
    handed = set(arrived.order_by().values_list("run_id", flat=True))
    delivered = [run for run in made if run.id in handed]
    checking = versions_that_check({run.version_id for run in delivered if run.version_id})
    newest = [run.id for run in delivered if run.version_id in checking][:CANDIDATES]
    known = verdicts_of(subject, newest)
    unseen = {
        pk for pk in newest if not any(v.get("direction") == "output" for v in known.get(pk, ()))
    }
    return [r.id for r in delivered if r.version_id not in checking or r.id in unseen]


def _is_of_output(verdict: dict[str, Any]) -> bool:
    return verdict.get("direction") == "output"


def versions_that_check(ids: Iterable[int]) -> set[int]:
    """Return the versions, of these, that check their output."""
    wanted = set(ids)
    if not wanted:
        return set()
    output = ValidatorRule.Direction.OUTPUT
    rules = ValidatorRule.objects.filter(version_id__in=wanted, direction=output)
    schemas = Version.objects.filter(pk__in=wanted).exclude(output_schema=None)
    return {*rules.values_list("version_id", flat=True), *schemas.values_list("pk", flat=True)}
