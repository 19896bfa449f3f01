"""Batches from files: drafted, mapped, started once, paused, cancelled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from automations import services, spool
from automations.errors import NotAllowed, Problem, WrongState
from automations.models import AuditEvent, Automation, Batch, Run, Version
from automations.rows import Plan
from automations.services import filling, holding
from tests.automations.batching import (
    SYSTEM,
    a_csv,
    a_draft,
    asked_for,
    contents,
    loaded,
    numbered,
    priorities,
    started,
    upload,
)
from tests.makers import make_live

pytestmark = pytest.mark.django_db(transaction=True)

VERBS: dict[str, Any] = {
    "start": services.start_batch,
    "discard": services.discard_batch,
    "pause": services.pause_batch,
    "resume": services.resume_batch,
    "cancel": services.cancel_batch,
    "continue": services.continue_batch,
    "retry failed": services.retry_failed,
    "map": lambda b, by: services.map_columns(b, Plan(), skips_bad=True, by=by),
}


@pytest.fixture
def live() -> Version:
    return make_live(rules=[])


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "CHUNK", 10)
    monkeypatch.setattr(holding, "CHUNK", 10)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


# --- drafts --------------------------------------------------------------------------------


def test_a_file_becomes_a_draft_with_what_is_in_it(live: Version, operator: Any) -> None:
    file = upload(numbered(25), "../../<x> tickets.csv")
    batch = services.draft_from_file(live.automation, file, by=operator)
    assert (batch.state, batch.kind, batch.mapping) == ("draft", "file", {"content": "content"})
    assert (batch.options["rows"], batch.options["bad"]) == (25, 0)
    assert batch.file_path == f"{batch.pk}/rows.csv"
    place = spool.path_of(batch)
    assert place.is_relative_to(django_settings.BATCH_DIR)
    assert place.stat().st_mode & 0o077 == 0
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"), ("content\n", "has a header but no rows"), (b"PK\x03\x04", "save it as"),
        (b"content\n\xff\n", "is not UTF-8 text"), ('content\n"open\n', "Line 2 is not CSV"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_leaves_nothing(
    live: Version, content: str | bytes, said: str
) -> None:
    with pytest.raises(Problem, match=said):
        a_draft(live, content)
    assert not Batch.objects.exists()
    assert not list(Path(django_settings.BATCH_DIR).glob("*/part"))


def test_a_draft_is_not_started_without_what_it_needs(live: Version) -> None:
    batch = a_draft(live, a_csv(["x"], header="topic,other").replace("x", "x,y"))
    with pytest.raises(WrongState, match="Choose where Content comes from"):
        services.start_batch(batch, by=SYSTEM)
    services.map_columns(batch, Plan({"content": "topic"}), skips_bad=False, by=SYSTEM)
    services.start_batch(batch, by=SYSTEM)
    services.tend_batch(batch.pk)
    assert contents(batch) == ["x"]


def test_bad_rows_refuse_the_file_or_become_failed_runs(live: Version) -> None:
    batch = a_draft(live, "content,n\na,1\nb\nc,3\n")
    with pytest.raises(WrongState, match="1 row cannot be used"):
        services.start_batch(batch, by=SYSTEM)
    services.map_columns(batch, Plan({"content": "content"}), skips_bad=True, by=SYSTEM)
    services.start_batch(batch, by=SYSTEM)
    services.tend_batch(batch.pk)
    bad = batch.runs.get(batch_row=2)
    assert (bad.status, bad.error_category, bad.error_code) == ("failed", "source_error", "bad_row")
    assert bad.error_message == "Line 3 has more or fewer cells (1) than the header (2); mend it."
    assert batch.counts() == {"queued": 2, "failed": 1}


def test_a_batch_stays_on_the_version_of_its_start(live: Version) -> None:
    batch = started(live, numbered(3))
    make_live(live.automation)
    services.tend_batch(batch.pk)
    assert set(batch.runs.values_list("version", flat=True)) == {live.pk}


@pytest.mark.parametrize("why", ["paused", "retired", "no version"])
def test_what_cannot_run_is_not_started(live: Version, why: str) -> None:
    batch = a_draft(live, numbered(1))
    if why == "paused":
        services.pause(live.automation, by=SYSTEM)
    elif why == "retired":
        Automation.objects.update(stage="retired")
    else:
        Automation.objects.update(live_version=None)
    with pytest.raises(WrongState):
        services.start_batch(batch, by=SYSTEM)
    assert Batch.objects.get().state == "draft"


def test_of_two_people_who_press_start_one_does(live: Version) -> None:
    batch = a_draft(live, numbered(3))
    services.start_batch(batch, by=SYSTEM)
    with pytest.raises(WrongState, match="started already"):
        services.start_batch(batch, by=SYSTEM)
    assert asked_for(batch) == 1
    assert actions().count("start batch") == 1


def test_a_discarded_draft_is_gone_with_its_file(live: Version) -> None:
    batch = a_draft(live, numbered(1))
    place = spool.path_of(batch)
    services.discard_batch(batch, by=SYSTEM)
    assert not place.exists()
    assert not Batch.objects.exists()
    assert actions()[-1] == "discard batch"


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_without_the_right_does_anything(live: Version, viewer: Any, verb: str) -> None:
    batch = loaded(live, numbered(2)) if verb not in ("start", "discard", "map") else None
    batch = batch or a_draft(live, numbered(2))
    before = Batch.objects.values().get()
    with pytest.raises(NotAllowed):
        VERBS[verb](batch, by=viewer)
    assert Batch.objects.values().get() == before


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "continue"])
def test_a_draft_knows_no_verbs_of_the_road(live: Version, verb: str) -> None:
    with pytest.raises(WrongState, match="not started"):
        VERBS[verb](a_draft(live, numbered(1)), by=SYSTEM)


@pytest.mark.parametrize("verb", ["start", "discard", "map", "resume", "continue", "retry failed"])
def test_a_batch_on_the_road_refuses_what_does_not_fit(live: Version, verb: str) -> None:
    with pytest.raises(WrongState):
        VERBS[verb](loaded(live, numbered(1)), by=SYSTEM)


# --- pause, resume, cancel -----------------------------------------------------------------


def test_pause_holds_what_has_not_begun_and_resume_lets_it_go(live: Version) -> None:
    batch = loaded(live, numbered(25))
    batch.runs.filter(batch_row=1).update(status="running")
    services.pause_batch(batch, by=SYSTEM)
    services.tend_batch(batch.pk)
    assert set(priorities(batch)) == {Run.HELD}
    assert batch.runs.get(batch_row=1).priority == Run.BULK  # it is finished
    with pytest.raises(WrongState, match="paused already"):
        services.pause_batch(batch, by=SYSTEM)
    services.resume_batch(batch, by=SYSTEM)
    services.tend_batch(batch.pk)
    assert set(priorities(batch)) == {Run.BULK}
    assert actions()[-2:] == ["pause batch", "resume batch"]


def test_rows_that_are_loaded_during_a_pause_are_held(live: Version) -> None:
    batch = started(live, numbered(25))
    services.tend_batch(batch.pk, stopping=lambda: True)
    services.pause_batch(batch, by=SYSTEM)
    services.tend_batch(batch.pk)
    assert priorities(batch) == [Run.HELD] * 25
    services.resume_batch(batch, by=SYSTEM)
    services.tend_batch(batch.pk)
    assert priorities(batch) == [Run.BULK] * 25


def test_a_long_pause_is_made_by_a_worker_in_chunks(live: Version) -> None:
    batch = loaded(live, numbered(25))
    services.pause_batch(batch, by=SYSTEM)
    assert priorities(batch).count(Run.HELD) == 10  # at once
    assert Batch.objects.get().needs_worker
    assert services.tend_batch(batch.pk) == "done"
    assert priorities(batch).count(Run.HELD) == 25


def test_cancel_during_loading_ends_what_is_there_and_loads_no_more(live: Version) -> None:
    batch = started(live, numbered(35))
    services.tend_batch(batch.pk, stopping=lambda: True)
    services.cancel_batch(batch, by=SYSTEM)
    assert services.tend_batch(batch.pk) == "done"
    assert batch.counts() == {"cancelled": 10}
    assert not spool.path_of(batch).exists()
    assert batch.expected == 10


def test_a_chunk_that_was_read_before_a_cancel_is_not_written_after_it(
    live: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = started(live, numbered(35))
    real, calls = filling.add_chunk, []

    def interrupted(*args: Any, **kwargs: Any) -> bool:
        calls.append(1)
        if len(calls) == 2:
            services.cancel_batch(batch, by=SYSTEM)
        return real(*args, **kwargs)

    monkeypatch.setattr(filling, "add_chunk", interrupted)
    assert services.tend_batch(batch.pk) == "done"
    assert batch.counts() == {"cancelled": 10}


# --- submitted rows ------------------------------------------------------------------------


def test_the_same_key_is_the_first_batch(live: Version) -> None:
    given = [{"content": str(n)} for n in range(25)]
    first = services.submit_batch(live.automation, given, by=SYSTEM, name="a", key="k")
    again = services.submit_batch(live.automation, given[:3], by=SYSTEM, name="b", key="k")
    assert (again.pk, again.name) == (first.pk, "a")
    assert first.runs.count() == 25


def test_a_submission_that_was_cut_short_is_continued_under_its_key(live: Version) -> None:
    def cut() -> Any:
        yield from ({"content": str(n)} for n in range(15))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        services.submit_batch(live.automation, cut(), by=SYSTEM, name="a", key="k")
    assert Batch.objects.get().loaded_rows == 10
    given = ({"content": str(n)} for n in range(25))
    batch = services.submit_batch(live.automation, given, by=SYSTEM, name="a", key="k")
    assert contents(batch) == [str(n) for n in range(25)]
    assert batch.state == "open"
