"""Verbs on reliability drills: start one, and judge it once its runs have ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from automations import drilling
from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Attempt, Automation, Drill, Run, ValidatorRule, Version
from automations.queue import ring_on_commit
from automations.services.acting import require
from automations.services.starting import Origin, new_run, runnable
from automations.text import one_line

LEEWAY = timedelta(milliseconds=100)
BAD_LENGTH = 1_000_000


def start_drill(
    automation: Automation, input_data: dict[str, Any], *, by: Actor, version: Version | None = None
) -> Drill:
    """Queue one simulated run per fault on the live version (or `version`).

    Raises:
        NotAllowed: the person may not start runs.
        WrongState: no live version, a draft, paused, retired, or a drill is under way.
    """
    require(by, "automations.start_run")
    chosen = runnable(automation, version)
    drill = Drill(automation=automation, version=chosen, started_by_id=by.pk if by else None)
    try:
        with transaction.atomic():
            drill.save()
            drill.results = [_begin(chosen, one, input_data, by) for one in exercises_of(chosen)]
            drill.save(update_fields=["results"])
            record("start drill", drill, by=by, after={"version": chosen.number})
            ring_on_commit()
    except IntegrityError as error:
        message = f"A drill of {automation} is under way; wait until it has ended."
        raise WrongState(message) from error
    return drill


def exercises_of(version: Version) -> list[drilling.Exercise]:
    """Return what a version is drilled with; its checks only where it has any."""
    recipe = drilling.Recipe(
        version.max_attempts, 1 + len(version.fallback_models), version.max_repairs
    )
    found = drilling.exercises(recipe)
    rules = list(version.validator_rules.all())
    if version.output_schema or any(r.direction == "output" for r in rules):
        found.append(drilling.bad_answer(recipe))
    if _refused_length(rules) is not None:
        found.append(drilling.bad_input())
    return found


def _refused_length(rules: Iterable[ValidatorRule]) -> int | None:
    """Return the length of an input that the version's length check refuses; None without one."""
    for rule in rules:
        if rule.direction == "input" and rule.kind == "length":
            most = int(rule.settings.get("max_raw", BAD_LENGTH))
            return most + 1 if most < BAD_LENGTH else 0
    return None


def _begin(
    version: Version, exercise: drilling.Exercise, input_data: dict[str, Any], by: Actor
) -> dict[str, Any]:
    data = dict(input_data)
    if exercise.fault == drilling.BAD_INPUT:
        length = _refused_length(version.validator_rules.all()) or 0
        data = {name: "x" * length if isinstance(v, str) else v for name, v in data.items()}
    run = new_run(version, data, by=by, origin=Origin(Run.Origin.DRILL))
    run.is_simulated, run.fault = True, exercise.fault
    run.save(force_insert=True)
    return {
        "fault": exercise.fault,
        "label": exercise.label,
        "expected": exercise.expected,
        "wants": exercise.wants.as_row(),
        "run": run.pk,
        "happened": "",
        "passed": None,
    }


def judge_open_drills() -> int:
    """Judge every drill whose runs have ended; return how many that were."""
    opened = Drill.objects.filter(finished_at=None).select_related("version", "automation")
    return sum(judge_drill(drill).finished_at is not None for drill in opened)


def judge_drill(drill: Drill) -> Drill:
    """Bring a drill's results up to date; end it when all its runs have ended.

    Harmless to repeat and to run twice at once: whoever comes first writes.
    """
    if drill.finished_at is not None:
        return drill
    runs = Run.objects.in_bulk([row["run"] for row in drill.results])
    attempts = _attempts_of(runs)
    drill.results = [
        judged(row, runs.get(row["run"]), attempts[row["run"]]) for row in drill.results
    ]
    if any(run.status not in Run.FINAL for run in runs.values()):
        return drill
    drill.passed = _passed(drill.results)
    drill.finished_at = timezone.now()
    with transaction.atomic():
        mine = Drill.objects.filter(pk=drill.pk, finished_at=None)
        if mine.update(results=drill.results, passed=drill.passed, finished_at=drill.finished_at):
            record("finish drill", drill, by=None, after={"passed": drill.passed})
    return drill


def _passed(results: Sequence[dict[str, Any]]) -> bool:
    verdicts = [row["passed"] for row in results]
    return True in verdicts and False not in verdicts


def _attempts_of(runs: dict[int, Run]) -> dict[int, list[Attempt]]:
    found: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in Attempt.objects.filter(run__in=runs).order_by("started_at", "id"):
        found[attempt.run_id].append(attempt)
    return found


def judged(row: dict[str, Any], run: Run | None, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Return a result with what has happened and, once the run has ended, the verdict."""
    if run is None:
        return {**row, "happened": "Its run was removed.", "passed": False}
    happened = _in_words(run, attempts)
    if run.status not in Run.FINAL:
        return {**row, "happened": happened, "passed": None}
    passed, why = _verdict(row, run, attempts)
    return {**row, "happened": f"{happened} {why}".strip(), "passed": passed}


def _verdict(row: dict[str, Any], run: Run, attempts: Sequence[Attempt]) -> tuple[bool | None, str]:
    wants = row["wants"]
    if row["fault"] == drilling.BAD_ANSWER and run.status == Run.Status.SUCCESS:
        return None, "No check refused the drill's wrong answer, so there was nothing to judge."
    if (
        row["fault"] != drilling.BAD_INPUT
        and not attempts
        and run.error_category in drilling.CHECKS
    ):
        return False, "The input checks refused the sample input; take another one."
    if wants["ends"] == drilling.ANSWERED:
        return _answered_as_wanted(wants, attempts), ""
    ended = run.status == Run.Status.FAILED and run.error_category in wants["categories"]
    return ended and len(attempts) == wants["calls"], ""


def _answered_as_wanted(wants: dict[str, Any], attempts: Sequence[Attempt]) -> bool:
    """Tell whether the model's step was left at the right call and not too early.

    What the checks then say about the drill's sample answer is no matter of error handling.
    """
    if _first_answer(attempts) != wants["calls"]:
        return False
    if not wants["wait_s"]:
        return True
    first, second = attempts[0], attempts[1]
    waited = second.started_at - first.started_at - timedelta(milliseconds=first.latency_ms)
    return waited + LEEWAY >= timedelta(seconds=wants["wait_s"])


def _first_answer(attempts: Sequence[Attempt]) -> int:
    """Return at which call, from 1, an answer came; 0 if none did."""
    return next((n for n, one in enumerate(attempts, 1) if not one.error_category), 0)


def _in_words(run: Run, attempts: Sequence[Attempt]) -> str:
    told = [_call_in_words(attempts, number) for number in range(len(attempts))]
    calls = f"{len(told)} call{'' if len(told) == 1 else 's'}"
    story = f"{calls}: {', then '.join(told)}." if told else "No call."
    if run.status not in Run.FINAL:
        return f"{story} {run.get_status_display()}."
    if run.status == Run.Status.FAILED:
        why = one_line(run.error_message or "", limit=200)
        return f"{story} Failed as {run.error_category}: {why}"
    return f"{story} {'Accepted.' if run.status == Run.Status.SUCCESS else 'Cancelled.'}"


def _call_in_words(attempts: Sequence[Attempt], number: int) -> str:
    one = attempts[number]
    said = "an answer"
    if one.error_category:
        said = one.error_code or one.error_category
        said = f"{one.http_status} {said}" if one.http_status else said
    if number == 0:
        return said
    before = attempts[number - 1]
    pause = one.started_at - before.started_at - timedelta(milliseconds=before.latency_ms)
    return f"after {max(0.0, pause.total_seconds()):.1f} s {said}"


def newest_input(automation: Automation) -> Run | None:
    """Return the newest run with a real input, to drill with."""
    real = automation.runs.evidence().exclude(input_data={})
    found: Run | None = real.order_by("-pk").first()
    return found


def standing(automation: Automation) -> Drill | None:
    """Return the newest drill that has ended, of the live version if it has one."""
    ended = automation.drills.exclude(finished_at=None).select_related("version")
    of_live = ended.filter(version=automation.live_version).first()
    return of_live or ended.first()
