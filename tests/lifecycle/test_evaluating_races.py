"""Several evaluators at once, and people who change things meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, get_ident
from typing import TypeVar

import pytest
from django.contrib.auth.models import User
from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from automations import services
from automations.models import Automation
from lifecycle import elput
from lifecycle.evaluating import evaluate, evaluate_due, mark
from lifecycle.evidence import CHECKS
from lifecycle.evidence.base import Evidence, met, not_met, to
from lifecycle.evidence.subject import Subject
from lifecycle.models import BoxChange, BoxState, Checklist, Scorecard
from lifecycle.phases import BOXES
from lifecycle.services.scorecards import Details, record_scorecard
from tests.lifecycle.makers import make_scorecard
from tests.makers import LONG_TEXT, make_automation, make_live
from tests.people import make_person

pytestmark = pytest.mark.django_db(transaction=True)
Result = TypeVar("Result")
MANY = 6


def at_once(*verbs: Callable[[], Result]) -> list[Result]:
    """Do all verbs at the same time, each on a connection of its own; errors come out."""
    ready = Barrier(len(verbs))

    def together(verb: Callable[[], Result]) -> Result:
        close_old_connections()
        try:
            ready.wait(timeout=30)
            return verb()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(verbs)) as pool:
        return [one.result(timeout=120) for one in [pool.submit(together, v) for v in verbs]]


@pytest.fixture
def automation() -> Automation:
    return make_live().automation


def test_evaluators_at_once_write_each_change_once(automation: Automation) -> None:
    make_scorecard(automation)
    at_once(*[lambda: evaluate(automation)] * MANY)
    assert Checklist.objects.count() == 1
    assert BoxState.objects.count() == len(BOXES)
    assert BoxChange.objects.filter(number=1).count() == 1
    Scorecard.objects.all().delete()
    at_once(*[lambda: evaluate(automation)] * MANY)
    changes = BoxChange.objects.filter(number=1).order_by("pk")
    assert [row.after for row in changes] == ["met", "not_met"]


def test_who_looked_first_never_overwrites_who_looked_last(
    automation: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = Barrier(2)
    written = Barrier(2)
    step = to("Score it", "scorecard_new", automation.slug)
    early = timezone.now()

    def check(subject: Subject) -> Evidence:
        if subject.now == early:
            looked.wait(timeout=30)
            written.wait(timeout=30)  # until the later one has written
            return not_met("As it was.", step=step)
        return met("As it is.")

    monkeypatch.setitem(CHECKS, 1, check)

    def later() -> None:
        looked.wait(timeout=30)
        evaluate(automation)
        written.wait(timeout=30)

    at_once(lambda: evaluate(automation, now=early), later)
    assert BoxState.objects.get(number=1).why == "As it is."
    assert Checklist.objects.get().due_at <= timezone.now()


def test_people_who_change_things_and_evaluators_never_lock_each_other_out(
    automation: Automation,
) -> None:
    person = make_person("approver")
    first, second = automation.live_version, make_live(automation)
    assert first is not None

    def change() -> None:
        for version in (first, second) * 5:
            services.make_live(version, by=person)

    def look() -> None:
        for _ in range(10):
            evaluate(automation)

    at_once(change, look, change, look)
    evaluate(automation)
    assert BoxState.objects.count() == len(BOXES)


def test_marking_many_in_any_order_never_locks(automation: Automation) -> None:
    others = [make_automation(f"other-{number}") for number in range(5)]
    for one in others:
        evaluate(one)
    slugs = [one.slug for one in others]

    def marked(order: list[str]) -> None:
        for _ in range(10):
            Checklist.objects.filter(automation=automation).update(due_at=timezone.now())
            mark(order)

    at_once(lambda: marked(slugs), lambda: marked(slugs[::-1]), lambda: marked(slugs))
    assert Checklist.objects.filter(due_at__gt=timezone.now()).count() == 0


def test_marking_twice_in_one_transaction_in_any_order_never_locks(automation: Automation) -> None:
    other = make_automation("other")
    evaluate(automation)
    evaluate(other)

    def marked(*order: str) -> None:
        for _ in range(20):
            with transaction.atomic():
                for slug in order:
                    mark([slug])
            evaluate(automation)
            evaluate(other)

    slugs = (automation.slug, other.slug)
    at_once(lambda: marked(*slugs), lambda: marked(*slugs[::-1]), lambda: marked(*slugs))
    assert Checklist.objects.count() == 2


def test_runs_scores_and_evaluators_at_once_all_come_through(automation: Automation) -> None:
    person = make_person("operator")
    editor = make_person("editor")
    values = dict.fromkeys(elput.KEYS, 5)

    def submit() -> int:
        given = {"content": LONG_TEXT}
        return len([services.submit_run(automation, given, by=person) for _ in range(15)])

    def score() -> int:
        notes = [Details(note=f"{get_ident()} {number}") for number in range(8)]
        made = [record_scorecard(automation, values, by=editor, details=note) for note in notes]
        return len(made)

    def look() -> int:
        return len([evaluate(automation) for _ in range(8)])

    assert at_once(submit, submit, score, look) == [15, 15, 8, 8]


def test_an_automation_is_locked_without_holding_up_rows_that_name_it() -> None:
    """A full row lock waits for every transaction that has inserted a run, and closes circles."""
    full = "Automation.objects.select_for_update()"
    files = [p for app in ("automations", "lifecycle") for p in Path(app).rglob("*.py")]
    assert [str(path) for path in files if full in path.read_text(encoding="utf-8")] == []


def test_two_schedulers_at_once_look_at_everything_once(editor: User) -> None:
    for number in range(4):
        make_scorecard(make_automation(f"writer-{number}"), created_by=editor)
    at_once(evaluate_due, evaluate_due)
    assert Checklist.objects.exclude(evaluated_at=None).count() == 4
    assert BoxChange.objects.count() == 4
