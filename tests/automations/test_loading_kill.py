"""A real worker process killed with -9 while it loads a batch: every row exactly once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from automations.models import Batch, Run, Version
from tests.automations.batching import contents, numbered, started
from tests.automations.engine.driving import wait_for
from tests.makers import make_live

ROWS = 10_000
KILLS = 4
LOAD = """
import django; django.setup()
import sys
from automations import services
print(services.tend_batch(int(sys.argv[1])), flush=True)
"""

pytestmark = [
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(240),
]


@pytest.fixture
def live() -> Version:
    return make_live(rules=[])


@pytest.fixture
def environment(process_environment: dict[str, str]) -> dict[str, str]:
    return {**process_environment, "DJANGO_SETTINGS_MODULE": "tests.settings"}


@pytest.fixture
def loaders(environment: dict[str, str], tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes to be ended with the test."""
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        process.kill()
        process.wait(10)


def loader(environment: dict[str, str], batch: Batch) -> subprocess.Popen[bytes]:
    """Start what the queue starts: the task, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, str(batch.pk)],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
    )


def rows_of(batch: Batch) -> int:
    return Run.objects.filter(batch=batch).count()


def assert_whole(batch: Batch) -> None:
    batch.refresh_from_db()
    assert (batch.state, batch.total, batch.loaded_rows) == ("open", ROWS, ROWS)
    assert contents(batch) == [f"row {n}" for n in range(1, ROWS + 1)]


def test_a_loader_killed_at_random_moments_leaves_every_row_exactly_once(
    live: Version,
    environment: dict[str, str],
    loaders: list[subprocess.Popen[bytes]],
) -> None:
    seed = random.randrange(10_000)
    sys.stdout.write(f"seed {seed}\n")
    dice = random.Random(seed)
    batch = started(live, numbered(ROWS))
    interrupted = 0
    for _ in range(KILLS):
        before = rows_of(batch)
        loaders.append(loader(environment, batch))
        wait_for(lambda: rows_of(batch) > before or rows_of(batch) == ROWS, "a first row", 40)  # noqa: B023
        time.sleep(dice.uniform(0, 0.2))  # any moment, also within a transaction
        loaders[-1].kill()
        loaders[-1].wait(10)
        interrupted += rows_of(batch) < ROWS
    assert interrupted, "it was always faster than the kill"
    last = loader(environment, batch)
    loaders.append(last)
    assert last.communicate(timeout=100)[0].strip() == b"done"
    assert_whole(batch)


def test_two_loaders_at_once_leave_every_row_exactly_once(
    live: Version,
    environment: dict[str, str],
    loaders: list[subprocess.Popen[bytes]],
) -> None:
    batch = started(live, numbered(ROWS))
    loaders += [loader(environment, batch) for _ in range(2)]
    said = [process.communicate(timeout=100)[0].strip() for process in loaders]
    assert b"done" in said
    assert_whole(batch)
