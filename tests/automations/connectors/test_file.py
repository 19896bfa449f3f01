"""Files as source and destination."""

import asyncio
import errno
import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from automations import connectors
from automations.connectors import DeliveryProblem, Item, Parcel, Receipt
from automations.connectors.file import FileDestination, path_for
from automations.connectors.file_source import FileSource
from automations.errors import Problem
from tests.makers import make_outside

NASTY = "quotes \" ' $(id) `id` --- {{ content }} 👩‍👧 שלום\r\n\tend"


@pytest.fixture
def root(tmp_path: Path, settings: Settings) -> Path:
    settings.BASE_DIR = tmp_path
    settings.FILE_ROOTS = [tmp_path / "files"]
    (tmp_path / "files" / "articles").mkdir(parents=True)
    return tmp_path / "files"


def make_parcel(**changes: Any) -> Parcel:
    fields = {
        "key": "run-7:3",
        "run_id": 7,
        "automation": "content_repurposer",
        "text": NASTY,
        "data": None,
        "created_at": datetime(2026, 1, 31, 23, 30, tzinfo=UTC),
    }
    return Parcel(**{**fields, **changes})


def deliver(path: str, parcel: Parcel) -> Receipt:
    settings = connectors.destinations.clean_settings("file", {"path": path})
    return asyncio.run(FileDestination(settings).deliver(parcel, make_outside()))


# --- source ---------------------------------------------------------------------------------


def test_a_pattern_lists_its_files_sorted_and_reads_each_by_its_key(root: Path) -> None:
    (root / "articles" / "b.md").write_bytes(b"second")
    (root / "articles" / "a.md").write_bytes(NASTY.encode())
    (root / "other.md").write_bytes(b"no")
    source = FileSource(connectors.sources.clean_settings("file", {"path": "articles/*.md"}))
    assert source.items() == [
        Item("articles/a.md", "articles/a.md"),
        Item("articles/b.md", "articles/b.md"),
    ]
    assert source.read("articles/a.md") == {"content": NASTY}
    with pytest.raises(Problem, match="is not one of this source's files"):
        source.read("other.md")


def test_a_single_path_is_one_item(root: Path) -> None:
    (root / "a.txt").write_bytes(b"text")
    source = FileSource({"path": "a.txt"})
    assert source.items() == [Item("a.txt", "a.txt")]
    assert source.read("a.txt") == {"content": "text"}


def test_a_source_without_its_file_says_so_when_it_is_listed(root: Path) -> None:
    with pytest.raises(Problem, match=r"There is no file a\.txt below files") as caught:
        FileSource({"path": "a.txt"}).items()
    assert caught.value.category == "source_error"


def test_a_file_that_is_not_text_is_a_source_error(root: Path) -> None:
    (root / "a.txt").write_bytes(b"0123456789\xff")
    with pytest.raises(Problem, match=r"a\.txt is not UTF-8 text: byte 0xff at position 10"):
        FileSource({"path": "a.txt"}).read("a.txt")


@pytest.mark.parametrize("path", ["/etc/passwd", "../a.md", "a\x00b", "x" * 151, ""])
def test_a_path_that_can_never_be_read_is_refused_when_it_is_saved(root: Path, path: str) -> None:
    with pytest.raises(ValidationError, match="Path: "):
        connectors.sources.clean_settings("file", {"path": path})


def test_the_summary_names_path_and_folder(root: Path) -> None:
    assert FileSource.summary({"path": "articles/*.md"}) == "reads articles/*.md below files"


# --- destination ----------------------------------------------------------------------------


def test_an_output_is_written_byte_for_byte_under_its_own_name(root: Path) -> None:
    receipt = deliver("posts/{{ automation }}/{{ date }}-{{ run_id }}.md", make_parcel())
    assert receipt.reference == "posts/content_repurposer/2026-01-31-7.md"
    assert receipt.detail == {"bytes": len(NASTY.encode())}
    assert (root / receipt.reference).read_bytes() == NASTY.encode()


def test_delivered_again_it_is_the_same_file(root: Path) -> None:
    first, second = (deliver("{{ key }}.md", make_parcel()) for _ in range(2))
    assert first == second
    assert [path.name for path in root.iterdir() if path.is_file()] == ["run-7-3.md"]
    assert FileDestination({"path": "a"}).promise == "idempotent"


def test_the_date_is_the_outputs_own_in_utc(root: Path) -> None:
    east = timezone(timedelta(hours=9))
    parcel = make_parcel(created_at=datetime(2026, 2, 1, 8, 0, tzinfo=east))
    assert path_for("{{ date }}.md", parcel) == "2026-01-31.md"


def test_a_value_cannot_lead_out_of_the_folder(root: Path) -> None:
    parcel = make_parcel(key="../../etc/passwd", automation="a/b {{ key }}")
    assert path_for("x/{{ key }}.md", parcel) == "x/..-..-etc-passwd.md"
    assert path_for("{{ automation }}.md", parcel) == "a-b-key-.md"
    with pytest.raises(DeliveryProblem, match="outside the folders"):
        deliver("x/{{ key }}/a.md", make_parcel(key=".."))


def test_a_json_file_gets_the_data(root: Path) -> None:
    deliver("a.json", make_parcel(data={"label": "bug", "why": "a\x00b"}))
    assert json.loads((root / "a.json").read_text()) == {"label": "bug", "why": "a\ufffdb"}
    deliver("b.json", make_parcel())
    assert json.loads((root / "b.json").read_text()) == {"text": NASTY}


def test_what_no_file_can_hold_is_replaced(root: Path) -> None:
    deliver("a.md", make_parcel(text="a\ud800b"))
    assert (root / "a.md").read_text() == "a\ufffdb"


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("posts/{{ runid }}.md", "did you mean `run_id`?"),
        ("posts/{{ run_id.md", "is not closed"),
        ("/etc/{{ run_id }}", "outside the folders allowed here (files)"),
        ("../{{ run_id }}", "outside the folders allowed here (files)"),
        ("x" * 151, "a name that is not allowed"),
    ],
)
def test_a_path_that_can_never_be_written_is_refused_when_it_is_saved(
    root: Path, path: str, part: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        connectors.destinations.clean_settings("file", {"path": path})
    assert part in caught.value.messages[0]


@pytest.mark.parametrize(
    ("number", "code", "again"),
    [
        (errno.ENOSPC, "disk_full", "again"),
        (errno.EIO, "io_error", "again"),
        (errno.EACCES, "not_permitted", "never"),
    ],
)
def test_a_full_disk_is_tried_again_and_a_missing_right_is_not(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str, again: str
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DeliveryProblem) as caught:
        deliver("a.md", make_parcel())
    assert (caught.value.category, caught.value.code) == ("delivery_error", code)
    assert caught.value.retry == (again == "again")
    assert not caught.value.maybe_delivered
    assert [path.name for path in root.iterdir()] == ["articles"]


def test_a_link_in_the_place_of_the_file_is_not_written_through(root: Path) -> None:
    (root / "a.md").symlink_to(root.parent / "elsewhere")
    with pytest.raises(DeliveryProblem, match="is a link") as caught:
        deliver("a.md", make_parcel())
    assert not caught.value.retry
    assert not (root.parent / "elsewhere").exists()


def test_the_summary_warns_when_later_runs_replace_the_file(root: Path) -> None:
    assert FileDestination.summary({"path": "{{ run_id }}.md"}) == (
        "writes {{ run_id }}.md below files"
    )
    assert FileDestination.summary({"path": "{{ date }}.md"}) == (
        "writes {{ date }}.md below files, replaced by later runs"
    )
