"""Starting the embedded server when there is something wrong with what it needs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.engine.embedded.catalogue import OwnFile
from automations.engine.embedded.errors import EmbeddedUnavailable
from automations.engine.embedded.locks import wait_until_free
from automations.engine.embedded.seat import Record, Seat
from automations.engine.embedded.server import (
    child_command,
    default_folder,
    ensure_server,
    seat_for,
)
from automations.engine.embedded.weights import Weights
from tests.automations.engine.embedded.makers import CONTENT, Bars, Hub, make_model

# Takes the seat like a server, says in its record how to be reached, and answers nothing.
MUTE_SERVER = """
import json, os, sys, time
from pathlib import Path
from automations.engine.embedded.locks import take
from automations.engine.embedded.seat import Record, Seat
seat = Seat(Path(sys.argv[1]), sys.argv[2])
take(seat.lock, patience_s=0)
seat.write(Record("127.0.0.1", 1, "key", os.getpid(), "mute", "mute"))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "embedded"


@pytest.fixture
def junk(tmp_path: Path, cache: Path) -> OwnFile:
    """Return a file that begins like a model and is none."""
    path = tmp_path / "junk.gguf"
    path.write_bytes(CONTENT)
    return OwnFile(path, "")


@pytest.fixture
def mute(folder: Path, junk: OwnFile) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the seat for the junk file and does not answer."""
    seat = seat_for(folder, junk)
    process = subprocess.Popen(
        [sys.executable, "-c", MUTE_SERVER, str(folder), seat.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def test_a_file_the_engine_refuses_is_one_clear_sentence(
    folder: Path, junk: OwnFile, bars: Bars
) -> None:
    with pytest.raises(EmbeddedUnavailable) as caught:
        ensure_server(folder, choice=junk, progress=bars)
    problem = caught.value
    assert (problem.category, problem.code) == ("api_error", "embedded_not_started")
    assert problem.message.startswith(
        f"junk.gguf (embedded) could not be served: the engine refuses {junk.path}, "
    )
    assert wait_until_free(seat_for(folder, junk).lock, patience_s=30)


def test_without_the_engine_nothing_is_fetched_and_the_sentence_says_what_to_install(
    folder: Path, cache: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(EmbeddedUnavailable, match=r"make up.*requirements/local-model\.txt"):
        ensure_server(folder, choice=make_model())
    assert not hub.ranges


def test_missing_weights_are_the_fetchers_sentence(
    folder: Path, cache: Path, hub: Hub, bars: Bars
) -> None:
    hub.status = 403
    with pytest.raises(EmbeddedUnavailable, match=r"Toy-0\.0B Q0 could not be fetched"):
        ensure_server(folder, choice=make_model(), progress=bars)


def test_a_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path: Path, junk: OwnFile) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedUnavailable, match="set EMBEDDED_DIR"):
        ensure_server(tmp_path / "file" / "embedded", choice=junk)


def test_a_record_without_a_living_server_is_not_believed(
    folder: Path, junk: OwnFile, bars: Bars
) -> None:
    seat = seat_for(folder, junk)
    seat.write(Record("127.0.0.1", 1, "key", os.getpid(), "stale", "stale"))
    with pytest.raises(EmbeddedUnavailable, match="the engine refuses"):
        ensure_server(folder, choice=junk, progress=bars)
    assert seat.read() is None


def test_a_server_that_does_not_answer_is_ended_to_make_room(
    folder: Path, junk: OwnFile, mute: subprocess.Popen[str], bars: Bars
) -> None:
    with pytest.raises(EmbeddedUnavailable, match="the engine refuses"):
        ensure_server(folder, choice=junk, progress=bars)
    assert mute.wait(30) == -9


def test_the_record_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    seat = Seat(tmp_path, "seat")
    record = Record("127.0.0.1", 4321, "key", 1, "model", "label")
    seat.write(record)
    seat.write(record)
    assert seat.read() == record
    assert seat.record.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", "null", '{"host": "127.0.0.1"}', "\xff"])
def test_a_damaged_record_is_no_record(tmp_path: Path, content: str) -> None:
    seat = Seat(tmp_path, "seat")
    seat.record.write_text(content, encoding="latin-1")
    assert seat.read() is None


def test_the_folder_follows_the_settings() -> None:
    from django.conf import settings

    assert default_folder() == Path(settings.EMBEDDED_DIR)


def test_machine_and_choice_have_a_seat_of_their_own(folder: Path, junk: OwnFile) -> None:
    names = {seat_for(folder, choice).name for choice in (junk, make_model())}
    assert len(names) == 2
    assert folder.stat().st_mode & 0o777 == 0o700
    assert json.dumps(sorted(names)).count(os.uname().nodename) == 2


def test_the_child_is_lean_only_when_memory_is_short(tmp_path: Path) -> None:
    seat = Seat(tmp_path, "seat")
    weights = Weights(tmp_path / "toy.gguf", "toy", "Toy (embedded)", "0" * 64, 10**9)
    assert "--lean" in child_command(seat, weights, 10**9)
    assert "--lean" not in child_command(seat, weights, 2 * 10**9)
