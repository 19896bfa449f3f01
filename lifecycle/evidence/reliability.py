"""The boxes of phase 3."""

from __future__ import annotations

from dataclasses import replace

from automations import drilling
from automations.models import Drill, Version
from lifecycle.evidence import checked, traced
from lifecycle.evidence.base import (
    Evidence,
    Link,
    counted,
    dated,
    met,
    not_measured,
    not_met,
    run_links,
    sentences,
    to,
)
from lifecycle.evidence.steps import drill_it, go_live, run_it
from lifecycle.evidence.subject import Subject
from lifecycle.phases import State

LAST_RUNS = 20
COUNTED_RUNS = 20


def error_handling(subject: Subject) -> Evidence:
    """Box 8: the newest drill of the live version that has ended was passed."""
    live = subject.live
    if live is None:
        return not_met("No version is live, so there is nothing to drill.", step=go_live(subject))
    step = drill_it(subject)
    page, drill = to("Reliability drill", "drill", subject.slug), subject.drill
    if drill is None:
        return not_met(_undrilled(subject, live), page, step=step)
    assert drill.finished_at is not None  # noqa: S101  narrows: it was asked for
    passed, failed = _results(drill, verdict=True), _results(drill, verdict=False)
    when = f"The drill of {dated(drill.finished_at)} on version {live.number}"
    if drill.passed:
        why = f"{when} was passed: {counted(len(passed), 'fault')} handled as they should be."
        return met(why, page, *_runs_of(drill, subject))
    why = f"{when} was not passed: {', '.join(failed[:3]) or 'nothing could be judged'}."
    return not_met(why, page, *_runs_of(drill, subject), step=step)


def _undrilled(subject: Subject, live: Version) -> str:
    newest = Drill.objects.filter(automation=subject.automation).order_by("-pk")
    drills = list(newest.select_related("version")[:20])
    if any(drill.version_id == live.pk for drill in drills):
        return f"A drill of version {live.number} is under way."
    other = next((drill for drill in drills if drill.finished_at), None)
    if other is None:
        return f"There was no drill on version {live.number} yet."
    return (
        f"Live version changed: no drill on version {live.number}; the last one was on version "
        f"{other.version.number}."
    )


def _results(drill: Drill, *, verdict: bool) -> list[str]:
    return [str(row["label"]) for row in drill.results if row["passed"] is verdict]


def _runs_of(drill: Drill, subject: Subject) -> tuple[Link, ...]:
    return run_links([row["run"] for row in drill.results], subject.slug)


def input_validation(subject: Subject) -> Evidence:
    """Box 9: an input check of the live version has refused a bad sample."""
    return _validation(subject, "input", drilling.BAD_INPUT)


def output_validation(subject: Subject) -> Evidence:
    """Box 10: likewise for output; and in 30 days nothing was delivered that no check saw."""
    unseen, read = checked.delivered_unchecked(subject)
    if unseen:
        most = "At least " if len(unseen) >= checked.MOST_TOLD else ""
        why = f"{most}{counted(len(unseen), 'run')} delivered an output that no check had seen, "
        why += "in the last 30 days."
        step = to("Output checks", "version_checks", subject.live.pk) if subject.live else None
        links = run_links(unseen, subject.slug)
        return not_met(why, *links, step=step or go_live(subject))
    found = _validation(subject, "output", drilling.BAD_ANSWER)
    if found.state != State.MET or not read:
        return found
    seen = f"Of the newest {counted(read, 'delivery')}".replace("deliverys", "deliveries")
    return replace(found, why=sentences(f"{seen} each had been seen by a check.", found.why))


def _validation(subject: Subject, direction: str, fault: str) -> Evidence:
    live = subject.live
    if live is None:
        return not_met("No version is live, so nothing is checked.", step=go_live(subject))
    checks = to(f"Checks of version {live.number}", "version_checks", live.pk)
    number = checked.number_of(subject, direction)
    if not number:
        step = Link(f"Add an {direction} check in a new draft", checks.url)
        return not_met(f"Version {live.number} has no {direction} check.", checks, step=step)
    has = f"Version {live.number} has {counted(number, f'{direction} check')}"
    refused = checked.refused_runs(subject, direction, fault)
    if not refused:
        why = f"{has}, which refused nothing yet: a drill tries a bad {direction}."
        return not_met(why, checks, step=drill_it(subject))
    seen = [run for run in subject.worked if run.id in set(refused)]
    why = f"{has}; refused a bad {direction} in {counted(len(refused), 'run')}."
    links = (checks, *run_links(refused, subject.slug))
    return met(sentences(why, subject.remark(seen)), *links)


def logging(subject: Subject) -> Evidence:
    """Box 11: the last 20 runs that succeeded or failed have complete traces.

    Where there are fewer, those that there are; at least one.
    """
    last = subject.worked[:LAST_RUNS]
    if not last:
        return not_measured("no run has ended yet.", step=run_it(subject))
    gaps = traced.gaps(last)
    if gaps:
        pk, what = next(iter(gaps.items()))
        why = f"Gaps in {len(gaps)} of the last {counted(len(last), 'run')}: run {pk} {what}."
        return not_met(why, *run_links(list(gaps), subject.slug), step=to("Trace", "run_trace", pk))
    why = f"Start, end, outcome and every step are there for the last {counted(len(last), 'run')}."
    links = run_links([run.id for run in last], subject.slug)
    return met(sentences(why, subject.remark(last)), *links)


def metrics(subject: Subject) -> Evidence:
    """Box 12: at least 20 runs are counted, and the rollup equals the count; there is none yet."""
    counted_so_far = f"{len(subject.worked):,} of {COUNTED_RUNS} runs counted so far"
    why = f"there is no rollup in this installation yet to compare with; {counted_so_far}."
    return not_measured(why)
