"""Back-test a check: what it would have said of the last real inputs or outputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from automations import subjects, validators
from automations.models import Automation, Run, ValidatorRule
from automations.text import one_line
from automations.validators.base import Subject, Verdict

LIMIT = 200
TIME_ALLOWED_S = 4.0
CHUNK = 20
INPUT, OUTPUT = ValidatorRule.Direction.INPUT, ValidatorRule.Direction.OUTPUT
COLUMNS = {
    INPUT: ("id", "automation", "status", "queued_at", "input_data"),
    OUTPUT: (
        "id", "automation", "status", "queued_at", "input_data", "output_data",
        "version__system_prompt", "version__user_prompt", "version__output_schema",
        "version__output_template",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """A past run whose input or output the check would not have let through."""

    run_id: int
    status: str
    at: datetime
    message: str
    start: str


@dataclass(frozen=True, slots=True)
class BackTest:
    """What a check would have said of past runs, newest first; `failed` lists every refusal."""

    direction: str
    found: int
    tested: int
    failed: Sequence[Refusal]
    warned: int = 0

    @property
    def is_complete(self) -> bool:
        return self.tested == self.found

    @property
    def is_harmless(self) -> bool:
        return self.is_complete and not self.failed

    @property
    def sentence(self) -> str:
        """Say the result: "It would have failed 14 of the last 200 successful outputs."."""
        if not self.found:
            return f"There are no {self._things} yet to try it on."
        if not self.tested:
            return (
                f"None of the last {self.found} {self._things} could be tested in the time allowed."
            )
        failed = len(self.failed) or "none"
        said = f"It would have failed {failed} of the last {self.tested} {self._things}"
        warned = f", and warned of {self.warned}" if self.warned else ""
        return f"{said}{warned}.{self._cut}"

    @property
    def _things(self) -> str:
        return "inputs" if self.direction == INPUT else "successful outputs"

    @property
    def _cut(self) -> str:
        if self.is_complete:
            return ""
        return f" Tested {self.tested} of {self.found} in the time allowed."


def back_test(
    automation: Automation, direction: str, kind: str, settings: Mapping[str, Any],
    *, limit: int = LIMIT, allowed_s: float = TIME_ALLOWED_S,
    clock: Callable[[], float] = time.monotonic,
) -> BackTest:  # fmt: skip
    """Try a check on the newest real inputs, or successful outputs, of an automation.

    Reads rows only, a few at a time, and stops between two of them after `allowed_s` seconds.
    `settings` are those that the kind's form has cleaned.
    """
    check = validators.registry.get(kind)(settings).check
    until = clock() + allowed_s
    ids = list(_runs(automation, direction).values_list("pk", flat=True)[:limit])
    tested, warned, failed = 0, 0, []
    for run in _each(ids, direction):
        if clock() >= until:
            break
        subject = _subject(run, direction)
        verdict = check(subject)
        tested, warned = tested + 1, warned + bool(verdict.passed and verdict.warning)
        if not verdict.passed:
            failed.append(_refusal(run, subject, verdict))
    return BackTest(direction, len(ids), tested, failed, warned)


def _runs(automation: Automation, direction: str) -> Any:
    runs = Run.objects.evidence().filter(automation_id=automation.slug).order_by("-pk")
    if direction == INPUT:
        return runs.exclude(input_data={})
    return runs.filter(status=Run.Status.SUCCESS)


def _each(ids: Sequence[int], direction: str) -> Iterator[Run]:
    """Yield runs, newest first, with few of their big columns in memory at a time."""
    runs = Run.objects.only(*COLUMNS[ValidatorRule.Direction(direction)]).order_by("-pk")
    if direction == OUTPUT:
        runs = runs.select_related("version")
    for start in range(0, len(ids), CHUNK):
        yield from runs.filter(pk__in=ids[start : start + CHUNK])


def _subject(run: Run, direction: str) -> Subject:
    if direction == INPUT:
        return subjects.of_input(run.input_data)
    version = run.version
    if version is None:
        return subjects.of_output(subjects.text_of(run.output_data), None)
    text, parsed = subjects.stored_output(run.output_data, version)
    return subjects.of_output(
        text,
        parsed,
        input_text=subjects.source_text(run.input_data),
        instructions=subjects.instructions_of(version),
    )


def _refusal(run: Run, subject: Subject, verdict: Verdict) -> Refusal:
    start = one_line(subject.text[:400], limit=90)
    return Refusal(run.pk, run.status, run.queued_at, verdict.message, start)
