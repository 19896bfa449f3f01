"""One provider's limits over two worker processes: kept, nothing lost, few refusals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from automations.models import Attempt, Provider, Run
from tests.makers import make_automation, make_live, make_provider, make_run
from tests.provider import ProviderProcess

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[3]
PER_MINUTE = 1_200


def runs_at(server: ProviderProcess, count: int, **provider: Any) -> Provider:
    row = make_provider(kind="endpoint", base_url=server.base_url, default_model="ok", **provider)
    version = make_live(make_automation("wide", concurrency=1000), provider=row)
    for _ in range(count):
        make_run(version, priority=Run.BULK)
    return row


def two_pumps(server: ProviderProcess, environment: dict[str, str]) -> None:
    """Work everything off in two processes that know of each other only by the database."""
    place = {"OUTBOUND_ALLOW_PROVIDERS": f"127.0.0.1:{server.port}"}
    command = [sys.executable, "-m", "tests.automations.engine.pump_process"]
    pumps = [
        subprocess.Popen([*command, name], cwd=ROOT, env={**os.environ, **environment, **place})
        for name in ("one", "two")
    ]
    try:
        assert [pump.wait(120) for pump in pumps] == [0, 0]
    finally:
        for pump in pumps:
            pump.kill()
            pump.wait()


def test_a_rate_that_is_known_is_kept_and_next_to_no_call_is_refused(
    process_environment: dict[str, str],
) -> None:
    with ProviderProcess(latency_ms=50) as server:
        server.script(per_minute=PER_MINUTE)
        runs_at(server, 200, requests_per_minute=PER_MINUTE, max_concurrency=16)
        two_pumps(server, process_environment)
        seen = server.seen()
    assert set(Run.objects.values_list("status", flat=True)) == {"success"}
    assert Attempt.objects.filter(error_code="").count() == 200
    assert seen["max_in_flight"] <= 16
    assert seen["refused"] <= 0.05 * seen["calls"]
    assert seen["refused"] == Attempt.objects.filter(error_code="api_rate_limit").count()


def test_a_rate_that_nobody_told_us_is_found_out_and_nothing_is_lost(
    process_environment: dict[str, str],
) -> None:
    with ProviderProcess(latency_ms=50) as server:
        server.script(per_minute=PER_MINUTE)
        row = runs_at(server, 150, max_concurrency=16)
        two_pumps(server, process_environment)
        seen = server.seen()
    assert set(Run.objects.values_list("status", flat=True)) == {"success"}
    assert set(Run.objects.values_list("failures", flat=True)) == {0}
    row.refresh_from_db()
    assert not row.circuit_is_open
    assert seen["calls"] == 150 + seen["refused"]


def test_a_concurrency_holds_over_two_processes(process_environment: dict[str, str]) -> None:
    with ProviderProcess(latency_ms=100) as server:
        runs_at(server, 60, max_concurrency=5)
        two_pumps(server, process_environment)
        seen = server.seen()
    assert set(Run.objects.values_list("status", flat=True)) == {"success"}
    assert (seen["calls"], seen["max_in_flight"]) == (60, 4)  # the fifth place is for people
