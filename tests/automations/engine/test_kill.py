"""Real supervised workers, killed: nothing is lost, nothing is stuck, nothing happens twice.

KILL_RUNS=1000 asks for the release test's size.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from automations import services
from automations.models import Batch, Run, Version, Worker
from tests.automations.engine.driving import http_destination, wait_for
from tests.makers import LONG_TEXT, make_automation, make_live, make_provider, make_run
from tests.provider import ProviderProcess

RUNS = int(os.environ.get("KILL_RUNS", "60"))
KILLS = max(4, RUNS // 60)
LEASE_S = 3
POOL = 3  # workers of one group: one pump and two more
OPEN = [Run.Status.QUEUED, Run.Status.RUNNING]

pytestmark = [
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(120 + RUNS),
]


class KeptWorker:
    """`manage.py worker`, started again whenever it has died, as a service manager would."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log.open("wb")
        self.known: set[int] = set()
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=settings.BASE_DIR,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
        )
        self.known.add(self.process.pid)

    def sentinel(self) -> psutil.Process | None:
        children = self._children(self.process.pid)
        return children[0] if children else None

    def group(self) -> list[psutil.Process]:
        """Return the sentinel's children: the workers, then monitor and pusher; [] until whole."""
        sentinel = self.sentinel()
        children = self._children(sentinel.pid) if sentinel else []
        return children if len(children) == POOL + 2 else []

    def _children(self, pid: int) -> list[psutil.Process]:
        try:
            found = sorted(psutil.Process(pid).children(), key=lambda child: child.pid)
        except psutil.NoSuchProcess:
            return []
        self.known |= {child.pid for child in found}
        return found

    def wait_until_whole(self) -> None:
        wait_for(lambda: bool(self.group()), "a whole group of processes", 40)

    def kill(self, kind: str) -> None:
        """Kill -9 one kind of process of the tree, or all of it."""
        sentinel, group = self.sentinel(), self.group()
        if kind == "worker":
            victims = group[:POOL]
        elif kind in ("monitor", "pusher"):
            victims = group[POOL:][("monitor", "pusher").index(kind) :][:1]
        else:
            victims = [sentinel] if sentinel else []
        if kind in ("supervisor", "all"):
            self.process.kill()
            self.process.wait(10)
        if kind == "all":
            victims += group
        for victim in victims if kind != "supervisor" else []:
            try:
                victim.kill()
            except psutil.NoSuchProcess:
                continue
        if self.process.poll() is not None:
            self.start()

    def survivors(self, pids: set[int]) -> list[int]:
        """Return which of these processes still run (a zombie does not)."""
        alive = []
        for pid in pids:
            try:
                if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                    alive.append(pid)
            except psutil.NoSuchProcess:
                continue
        return alive

    def stop(self) -> None:
        for pid in self.survivors(self.known):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        self._log.close()


@pytest.fixture
def model() -> Iterator[ProviderProcess]:
    with ProviderProcess(latency_ms=200) as server:
        yield server


@pytest.fixture
def environment(process_environment: dict[str, str], model: ProviderProcess) -> dict[str, str]:
    return {
        **process_environment,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "OUTBOUND_ALLOW_PROVIDERS": f"127.0.0.1:{model.port}",
        "OUTBOUND_ALLOW_DESTINATIONS": f"127.0.0.1:{model.port}",
        "PUMP_CONCURRENCY": "8",
        "RUN_LEASE_S": str(LEASE_S),
        "WORKER_PUMPS": "1",
    }


@pytest.fixture
def kept(environment: dict[str, str], tmp_path: Path) -> Iterator[KeptWorker]:
    worker = KeptWorker(environment, tmp_path / "worker.log")
    yield worker
    worker.stop()
    sys.stdout.write((tmp_path / "worker.log").read_text(errors="replace")[-6_000:])


def a_version(model: ProviderProcess, place: str = "keyed") -> Version:
    automation = make_automation("busy", concurrency=1000)
    http_destination(automation, model, place, keyed=place == "keyed")
    provider = make_provider(kind="endpoint", base_url=model.base_url, max_concurrency=8)
    return make_live(automation, model="ok", provider=provider)


def submit(version: Version, count: int) -> Batch:
    rows = [{"content": LONG_TEXT}] * count
    return services.submit_batch(version.automation, rows, by=services.SYSTEM, name="many")


def done() -> bool:
    return not Run.objects.filter(status__in=OPEN).exists()


def kill_at_random_moments(kept: KeptWorker, dice: random.Random) -> None:
    kinds = ["worker", "monitor", "pusher", "sentinel", "supervisor", "all"]
    for _ in range(KILLS):
        kept.wait_until_whole()
        time.sleep(dice.uniform(0.1, 1.2))
        kept.kill(dice.choice(kinds))


@pytest.mark.parametrize("place", ["keyed", "plain"])
def test_workers_killed_at_random_moments_lose_nothing_and_repeat_nothing(
    kept: KeptWorker, model: ProviderProcess, place: str
) -> None:
    seed = random.randrange(10_000)
    sys.stdout.write(f"seed {seed}\n")
    submit(a_version(model, place), RUNS)
    kill_at_random_moments(kept, random.Random(seed))
    wait_for(done, "the end of every run", 60 + RUNS / 2)

    seen = model.seen()
    assert Run.objects.count() == RUNS
    assert max(seen["deliveries"].values()) == 1
    well = set(Run.objects.filter(status="success").values_list("deliveries__key", flat=True))
    assert well <= set(seen["deliveries"])
    failed = Run.objects.exclude(status="success").values_list("error_code", "crashes")
    # So many kills of one run are a poisoned run, by design; an ignored key is asked about.
    expected = {("worker_lost", Run.MAX_CRASHES)}
    assert {(c, n) for c, n in failed if c != "delivery_unknown"} <= expected
    if place == "keyed":
        assert len(well) >= RUNS * 0.95
    else:
        assert max(seen["attempts"].values()) == 1


def test_a_group_recovers_whichever_idle_process_is_killed(
    kept: KeptWorker, model: ProviderProcess
) -> None:
    version = a_version(model)
    for kind in ("worker", "monitor", "pusher", "sentinel", "supervisor"):
        kept.wait_until_whole()
        sentinel = kept.sentinel()
        assert sentinel
        old = {sentinel.pid, *(child.pid for child in kept.group())}
        kept.kill(kind)
        run = services.submit_run(version.automation, {"content": LONG_TEXT}, by=services.SYSTEM)
        wait_for(
            lambda: Run.objects.filter(pk=run.pk, status="success").exists(),  # noqa: B023
            f"a run's end after the {kind} was killed",
            40,
        )
        wait_for(lambda: not kept.survivors(old), f"the end of the killed {kind}'s group")  # noqa: B023


def test_a_ring_that_was_lost_is_made_good_at_boot(
    environment: dict[str, str], model: ProviderProcess, tmp_path: Path
) -> None:
    run = make_run(a_version(model))  # a row alone: nobody rang
    kept = KeptWorker(environment, tmp_path / "worker.log")
    try:
        wait_for(lambda: Run.objects.get(pk=run.pk).status == "success", "the run's end", 40)
        assert Worker.alive().count() == 1
    finally:
        kept.stop()


def test_sigterm_finishes_what_is_in_flight_and_leaves_the_rest_queued(
    kept: KeptWorker, model: ProviderProcess
) -> None:
    model.script(latency_ms=1_500)
    submit(a_version(model), 40)
    # All places that a batch may take: the eighth is for people.
    model.wait_until(lambda seen: seen["in_flight"] >= 7, timeout_s=40)
    kept.process.send_signal(signal.SIGTERM)
    assert kept.process.wait(30) == 0
    counts = Batch.objects.get().counts()
    assert set(counts) == {"success", "queued"}
    assert counts["success"] == model.seen()["calls"]
    assert set(Run.objects.values_list("crashes", flat=True)) == {0}
    assert not Worker.objects.exists()
    assert kept.survivors(kept.known) == []
