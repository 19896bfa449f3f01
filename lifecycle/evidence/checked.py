"""What the checks of an automation's versions refused, and what was delivered past them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet

from automations import connectors, drilling
from automations.models import Delivery, Run, ValidatorRule, Version
from lifecycle.evidence import runs
from lifecycle.evidence.subject import WINDOW_DAYS, Subject

CANDIDATES = 100  # newest runs whose verdicts are read
MOST_TOLD = 1_000


def number_of(subject: Subject, direction: str) -> int:
    """Count the live version's checks of one direction; its output schema is one of them.

    The input's own schema is not: every automation has one, and it says little.
    """
    schema = direction == "output" and subject.live is not None and subject.live.output_schema
    return sum(rule.direction == direction for rule in subject.rules) + bool(schema)


def refused_runs(subject: Subject, direction: str, fault: str) -> list[int]:
    """Return the live version's runs in which a check refused something, newest first.

    The drill's own bad sample counts; a try in the playground proves nothing.
    """
    drilled = subject.drill.results if subject.drill else []
    by_drill = [row["run"] for row in drilled if row["fault"] == fault and row["passed"]]
    suspects = [
        run.id
        for run in subject.worked
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


class Unchecked(NamedTuple):
    """The runs that handed over what no check had seen, newest first, and how many were read."""

    runs: list[int]
    read: int


def delivered_unchecked(subject: Subject) -> Unchecked:
    """Return the runs that in 30 days handed over what no output check had seen, 1,000 at most.

    What stays with its run was not handed over; how the run ended does not matter. A version
    without output checks lets everything through: all its deliveries are looked at, among the
    automation's newest 100,000 runs. Of the others the newest 100 deliveries' verdicts are read.
    """
    published = Version.objects.filter(automation=subject.automation)
    versions = set(published.order_by().values_list("pk", flat=True))
    checking = versions_that_check(versions)
    bare = versions - checking
    unseen = list(_handed_over(subject, runs.FAR, bare)[:MOST_TOLD]) if bare else []
    newest = list(_handed_over(subject, runs.MOST, checking)[:CANDIDATES]) if checking else []
    known = verdicts_of(subject, newest)
    unseen += [
        pk for pk in newest if not any(v.get("direction") == "output" for v in known.get(pk, ()))
    ]
    return Unchecked(sorted(unseen, reverse=True), len(newest))


def _handed_over(subject: Subject, far: int, versions: set[int]) -> QuerySet[Run, int]:
    """Return the query for runs of these versions whose output left, newest first."""
    staying = [kind.kind for kind in connectors.destinations if not kind.leaves]
    left = Delivery.objects.filter(
        run=OuterRef("pk"),
        state=Delivery.State.DELIVERED,
        delivered_at__gte=subject.days_ago(WINDOW_DAYS),
    ).exclude(destination__kind__in=staying)
    mine = runs.newer_than(subject.slug, far).filter(version__in=versions, is_simulated=False)
    return mine.filter(Exists(left)).values_list("pk", flat=True)


def versions_that_check(ids: Iterable[int]) -> set[int]:
    """Return the versions, of these, that check their output."""
    wanted = set(ids)
    if not wanted:
        return set()
    output = ValidatorRule.Direction.OUTPUT
    rules = ValidatorRule.objects.filter(version_id__in=wanted, direction=output)
    schemas = Version.objects.filter(pk__in=wanted).exclude(output_schema=None)
    return {*rules.values_list("version_id", flat=True), *schemas.values_list("pk", flat=True)}
