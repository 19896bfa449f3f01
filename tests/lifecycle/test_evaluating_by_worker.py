"""The scheduler of a real worker: nobody opens a page, and the boxes tick."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from django_q.models import Schedule

from lifecycle import schedules
from lifecycle.models import BoxChange, BoxState, Checklist
from lifecycle.phases import BOXES, State
from tests.automations.engine.driving import wait_for
from tests.lifecycle.makers import make_scorecard
from tests.makers import make_automation

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(process_environment: dict[str, str], tmp_path: Path) -> Iterator[None]:
    """A real worker on this test's database, whose schedules are all due."""
    schedules.ensure()
    Schedule.objects.update(next_run=timezone.now())
    environment = {**process_environment, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=settings.BASE_DIR, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        yield
        process.terminate()
        process.wait(60)


@pytest.mark.usefixtures("worker")
def test_a_workers_scheduler_ticks_a_box() -> None:
    automation = make_automation()
    make_scorecard(automation)
    Schedule.objects.filter(name="evaluate").update(next_run=timezone.now())
    looked_at = Checklist.objects.filter(automation=automation).exclude(evaluated_at=None)
    wait_for(looked_at.exists, "a look at the boxes", timeout_s=90)
    assert BoxState.objects.get(number=1).state == State.MET
    assert BoxState.objects.count() == len(BOXES)
    assert [row.number for row in BoxChange.objects.all()] == [1]
