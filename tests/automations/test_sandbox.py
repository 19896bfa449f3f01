"""The child process: what it may take, what it may reach, what it knows, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automations import sandbox
from automations.errors import Problem
from automations.sandbox.jobs import JOBS

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
# Four megabytes of paragraphs: several seconds of work for the reader of HTML.
LONG = b"<p>x</p>" * 500_000
FACTS = {"name": "a.html", "kind": "html", "charset": "", "max_bytes": 10_000_000}


def children_of(pid: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found |= {int(child) for child in (task / "children").read_text().split()}
        except FileNotFoundError:
            continue
    return found


def wait_for(what: Any, seconds: float = 20.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def sandboxed(children: set[int]) -> list[int]:
    return [pid for pid in children if b"automations.sandbox.child" in _file(pid, "cmdline")]


def _file(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_a_result_comes_back_as_json() -> None:
    assert sandbox.run("document", FACTS, data=b"<p>Gr\xc3\xb6\xc3\x9fe</p>") == "Größe"


def test_the_jobs_own_problem_comes_back_as_it_is() -> None:
    facts = {**FACTS, "kind": "jsonl", "name": "a.jsonl"}
    with pytest.raises(Problem) as caught:
        sandbox.run("document", facts, data=b"{")
    assert type(caught.value) is Problem
    assert (caught.value.category, caught.value.code) == ("source_error", "broken_file")


def test_a_job_that_is_not_in_the_list_is_not_run() -> None:
    with pytest.raises(KeyError):
        sandbox.run("os:system", {})
    assert all(job.function.startswith("automations.") for job in JOBS.values())


def test_a_job_without_a_purpose_gets_no_network() -> None:
    with pytest.raises(ValueError, match="no purpose"):
        sandbox.run("document", FACTS, network=True)


def test_it_is_stopped_at_its_wall_clock_and_nothing_stays_behind() -> None:
    began = time.monotonic()
    with pytest.raises(sandbox.TimedOut) as caught:
        sandbox.run("document", FACTS, data=LONG, wall_s=0.6)
    assert time.monotonic() - began < 5
    assert caught.value.code == "too_slow"
    assert caught.value.message.startswith("Reading the file took longer than 0.6 s")
    assert not sandboxed(children_of(os.getpid()))


def test_it_is_stopped_at_its_processor_time() -> None:
    with pytest.raises(sandbox.TimedOut) as caught:
        sandbox.run("document", FACTS, data=LONG, cpu_s=1, wall_s=60)
    assert "more than 1 s of processor time" in caught.value.message


def test_it_is_stopped_at_its_memory() -> None:
    facts, rows = {**FACTS, "kind": "csv"}, b"name,city\n" * 1_000_000
    with pytest.raises(sandbox.OutOfMemory) as caught:
        sandbox.run("document", facts, data=rows, memory_mb=150)
    assert caught.value.code == "too_much_memory"
    assert "needed more than 150 MB of memory" in caught.value.message


def test_a_library_that_breaks_is_a_sentence() -> None:
    with pytest.raises(sandbox.Crashed) as caught:
        sandbox.run("document", {**FACTS, "kind": "no such"}, data=b"")
    assert caught.value.code == "reader_broke"
    assert caught.value.message == (
        "Reading the file broke off (KeyError); give a smaller or simpler file, or its text."
    )


def test_it_starts_without_the_database_and_the_web() -> None:
    code = (
        "import sys, automations.sandbox.child, automations.sandbox.guard, "
        "automations.documents.extract; "
        "heavy = {'django.db', 'django.forms', 'aiohttp', 'pypdf', 'docx', 'lxml'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_knows_no_secrets_and_holds_no_files_of_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        os.set_inheritable(server.fileno(), True)  # noqa: FBT003
        working = threading.Thread(target=_ignore_the_end)
        working.start()
        child = wait_for(lambda: sandboxed(children_of(os.getpid())))[0]
        limits = wait_for(lambda: _limited(child))
        names = {line.partition(b"=")[0] for line in _file(child, "environ").split(b"\0") if line}
        links = [str(path.readlink()) for path in Path(f"/proc/{child}/fd").iterdir()]
        os.kill(child, signal.SIGKILL)
        working.join()
    assert names == {b"PATH", b"LANG", b"HOME"}
    assert not [link for link in links if link.startswith("socket:")]
    assert "Max core file size        0 " in limits
    assert "Max address space         536870912 " in limits


def _limited(child: int) -> str:
    """Return the child's limits once it has set them."""
    limits = _file(child, "limits").decode()
    return limits if "Max cpu time              50 " in limits else ""  # the last one set


def _ignore_the_end() -> None:
    with pytest.raises(sandbox.SandboxProblem):
        sandbox.run("document", FACTS, data=LONG, wall_s=60, cpu_s=50)


@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death is told on Linux only")
def test_it_dies_with_its_parent() -> None:
    code = (
        "from automations import sandbox; import sys; "
        f"sandbox.run('document', {FACTS!r}, data=b'<p>x</p>' * 500_000, wall_s=60, cpu_s=50)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as parent:
        child = wait_for(lambda: sandboxed(children_of(parent.pid)))[0]
        wait_for(lambda: _limited(child))
        parent.kill()
        parent.wait()
        wait_for(lambda: b"sandbox" not in _file(child, "cmdline"))


# --- the way out ----------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def reach(allowed: list[str] | None, code: str) -> dict[str, Any]:
    """Run code behind the guard in a process of its own; return what it saw."""
    script = (
        "import json, socket\n"
        "from automations.sandbox.guard import Guard\n"
        f"guard = Guard('destination', {allowed!r})\n"
        "said = 'connected'\n"
        "try:\n"
        f"    {code}\n"
        "except Exception as error:\n"
        "    said = type(error).__name__\n"
        "refused = guard.refusal\n"
        "print(json.dumps({'said': said, 'code': refused and refused.code,"
        " 'message': refused and refused.message}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


CONNECT = "socket.create_connection(({host!r}, {port}), timeout=5)"


@pytest.mark.parametrize(
    "code",
    [
        CONNECT,
        "socket.socket().connect(({host!r}, {port}))",
        "socket.socket().connect_ex(({host!r}, {port}))",
        "import urllib.request; urllib.request.urlopen('http://{host}:{port}/', timeout=5)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ({host!r}, {port}))",
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_is_refused_by_every_way(
    listener: socket.socket, code: str, host: str
) -> None:
    port = listener.getsockname()[1]
    seen = reach([], code.format(host=host, port=port))
    assert seen["code"] == "blocked_address"
    assert "OUTBOUND_ALLOW_DESTINATIONS" in seen["message"]
    listener.settimeout(0.1)
    with pytest.raises(TimeoutError):
        listener.accept()


def test_an_address_that_the_operator_allowed_is_reached(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    seen = reach([f"127.0.0.1:{port}"], CONNECT.format(host="127.0.0.1", port=port))
    assert seen == {"said": "connected", "code": None, "message": None}


def test_without_network_nothing_is_reached(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    seen = reach(None, CONNECT.format(host="127.0.0.1", port=port))
    assert seen["code"] == "blocked_address"


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "100.100.100.200", "0.0.0.0", "::1", "::ffff:127.0.0.1", "10.0.0.1"]
)
def test_metadata_and_private_networks_are_refused(host: str) -> None:
    assert reach([], CONNECT.format(host=host, port=80))["code"] == "blocked_address"


def test_a_unix_socket_is_refused(tmp_path: Path) -> None:
    place = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(place)
        server.listen()
        seen = reach([], f"socket.socket(socket.AF_UNIX).connect({place!r})")
    assert seen["code"] == "blocked_address"


def test_a_port_that_is_not_for_the_web_is_refused() -> None:
    assert reach([], CONNECT.format(host="8.8.8.8", port=22))["code"] == "blocked_port"


def test_a_refusal_is_kept_when_a_library_swallows_it(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    code = f"__import__('contextlib').suppress(Exception).__class__; {CONNECT}"
    assert reach([], code.format(host="127.0.0.1", port=port))["code"] == "blocked_address"
