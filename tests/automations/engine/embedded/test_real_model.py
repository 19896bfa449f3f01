"""The real model, really served: asked over HTTP, killed, started again, gone with its parent."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from automations.engine.embedded.catalogue import BY_SHA256, SMALL, Model
from automations.engine.embedded.errors import EmbeddedUnavailable
from automations.engine.embedded.locks import is_held, wait_until_free
from automations.engine.embedded.seat import Record
from automations.engine.embedded.server import (
    Served,
    child_command,
    ensure_server,
    seat_for,
    stop_server,
)
from automations.engine.embedded.weights import Weights, ensure

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]

LABELS = ["billing", "technical", "account"]
SCHEMA = {
    "type": "object",
    "properties": {"label": {"enum": LABELS}},
    "required": ["label"],
    "additionalProperties": False,
}
# A process that starts a server, says so, and stays until it is killed.
STARTER = (
    "import sys; from pathlib import Path;"
    "from automations.engine.embedded.catalogue import named;"
    "from automations.engine.embedded.server import ensure_server;"
    "print(ensure_server(Path(sys.argv[1]), choice=named(sys.argv[2])).base_url, flush=True);"
    "sys.stdin.read()"
)


@pytest.fixture(scope="module")
def weights() -> Weights:
    """Return the small model, or the tiny one where it cannot be had."""
    refuse = pytest.fail if os.environ.get("CI") else pytest.skip
    if find_spec("xllamacpp") is None:
        refuse("xllamacpp is not installed")
    try:
        return ensure(SMALL)
    except EmbeddedUnavailable as problem:
        refuse(problem.message)
        raise


@pytest.fixture(scope="module")
def choice(weights: Weights) -> Model:
    return BY_SHA256[weights.sha256]


@pytest.fixture
def folder(tmp_path: Path, choice: Model) -> Iterator[Path]:
    """Return a folder for the server's files; whatever runs in it is ended afterwards."""
    folder = tmp_path / "embedded"
    yield folder
    stop_server(folder, choice=choice)


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, choice: Model) -> Iterator[Path]:
    """Run one server for the tests that leave it as it was, started by a thread that has ended."""
    folder = tmp_path_factory.mktemp("embedded")
    starter = threading.Thread(target=ensure_server, args=(folder,), kwargs={"choice": choice})
    starter.start()
    starter.join(300)
    yield folder
    stop_server(folder, choice=choice)


@pytest.fixture
def shared(shared_folder: Path, choice: Model) -> tuple[Served, Record]:
    return ensure_server(shared_folder, choice=choice), record_in(shared_folder, choice)


def ask(served: Served, key: str) -> tuple[int, dict[str, object]]:
    """Ask for a label as JSON; return the status and the parsed answer."""
    address = urlsplit(served.base_url)
    assert address.hostname == "127.0.0.1"
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=300)
    question = {
        "model": served.model,
        "messages": [{"role": "user", "content": "I was charged twice. Which label fits?"}],
        "max_tokens": 40,
        "temperature": 0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "ticket", "strict": True, "schema": SCHEMA},
        },
    }
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(question), headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content


def record_in(folder: Path, choice: Model) -> Record:
    record = seat_for(folder, choice).read()
    assert record is not None
    return record


def test_it_answers_in_the_schema_with_usage_under_its_plain_name(
    shared: tuple[Served, Record], weights: Weights
) -> None:
    served, _ = shared
    assert (served.model, served.label) == (weights.name, weights.label)
    status, answer = ask(served, served.api_key)
    assert status == 200
    assert answer["model"] == weights.name
    choices, usage = answer["choices"], answer["usage"]
    assert isinstance(choices, list)
    assert json.loads(choices[0]["message"]["content"])["label"] in LABELS
    assert isinstance(usage, dict)
    assert usage["prompt_tokens"] > 0
    assert usage["completion_tokens"] > 0


def test_it_listens_on_loopback_only_and_wants_its_key(shared: tuple[Served, Record]) -> None:
    served, record = shared
    assert ask(served, "wrong")[0] == 401
    process = psutil.Process(record.pid)
    listening = {c.laddr.ip for c in process.net_connections() if c.status == "LISTEN"}
    assert listening == {"127.0.0.1"}
    assert served.api_key not in " ".join(process.cmdline())
    assert not {"OPENAI_API_KEY", "SECRET_KEY"} & set(process.environ())
    assert process.environ()["OMP_WAIT_POLICY"] == "passive"


def test_signals_for_the_whole_group_leave_it_to_its_parent(shared: tuple[Served, Record]) -> None:
    served, record = shared
    for ending in (signal.SIGINT, signal.SIGTERM):
        os.kill(record.pid, ending)
    assert ask(served, served.api_key)[0] == 200


def test_it_outlives_the_thread_that_started_it(
    shared_folder: Path, shared: tuple[Served, Record], choice: Model
) -> None:
    assert shared[1].pid in {child.pid for child in psutil.Process().children()}
    assert ensure_server(shared_folder, choice=choice) == shared[0]


def test_many_starters_at_once_get_one_server(folder: Path, choice: Model) -> None:
    found: list[Served] = []
    starters = [
        threading.Thread(target=lambda: found.append(ensure_server(folder, choice=choice)))
        for _ in range(5)
    ]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(300)
    assert len(found) == 5
    assert len(set(found)) == 1


def test_a_killed_server_is_started_again_with_another_key(folder: Path, choice: Model) -> None:
    before = ensure_server(folder, choice=choice)
    os.kill(record_in(folder, choice).pid, signal.SIGKILL)
    assert wait_until_free(seat_for(folder, choice).lock, patience_s=30)
    after = ensure_server(folder, choice=choice)
    assert after.api_key != before.api_key
    assert ask(after, after.api_key)[0] == 200


def test_a_frozen_server_is_replaced(folder: Path, choice: Model) -> None:
    before = ensure_server(folder, choice=choice)
    frozen = psutil.Process(record_in(folder, choice).pid)
    frozen.suspend()
    after = ensure_server(folder, choice=choice)
    assert after.api_key != before.api_key
    assert ask(after, after.api_key)[0] == 200


@pytest.mark.parametrize("ending", ["kill", "exit"])
def test_it_is_gone_when_its_parent_is(folder: Path, choice: Model, ending: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder), choice.key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    url = parent.stdout.readline().strip()
    shared = ensure_server(folder, choice=choice)
    assert shared.base_url == url
    if ending == "kill":
        parent.kill()
    parent.communicate()
    assert wait_until_free(seat_for(folder, choice).lock, patience_s=30)
    again = ensure_server(folder, choice=choice)
    assert again.api_key != shared.api_key


def test_with_little_memory_a_lean_child_serves_as_well(
    folder: Path, choice: Model, weights: Weights
) -> None:
    seat = seat_for(folder, choice)
    command = child_command(seat, weights, weights.memory_bytes)
    assert command[-1] == "--lean"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.read())["outcome"] == "ready"
        served = ensure_server(folder, choice=choice)
        assert record_in(folder, choice).pid == child.pid
        assert ask(served, served.api_key)[0] == 200
        child.communicate()
    assert not is_held(seat.lock)
    assert seat.read() is None
