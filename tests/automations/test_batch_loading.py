"""Loading a batch: every row once, interrupted or not; trouble is told, drafts expire."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from automations import services, spool
from automations.errors import NothingNew, WrongState
from automations.models import AuditEvent, Automation, Batch, Run, SeenItem, Version
from automations.rows import Plan
from automations.services import filling, holding, loading, tending
from tests.automations.batching import (
    SYSTEM,
    a_draft,
    asked_for,
    contents,
    loaded,
    numbered,
    priorities,
    started,
)
from tests.makers import make_automation, make_live

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def live() -> Version:
    return make_live(rules=[])


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "CHUNK", 10)
    monkeypatch.setattr(holding, "CHUNK", 10)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


# --- loading -------------------------------------------------------------------------------


def test_every_row_becomes_a_run_once_and_the_file_goes(live: Version) -> None:
    batch = loaded(live, numbered(35))
    assert contents(batch) == [f"row {n}" for n in range(1, 36)]
    assert (batch.state, batch.total, batch.loaded_rows) == ("open", 35, 35)
    assert not batch.needs_worker
    assert not spool.path_of(batch).exists()
    assert services.tend_batch(batch.pk) == "done"
    assert batch.runs.count() == 35


def test_a_loader_that_is_told_to_stop_is_continued_where_it_was(live: Version) -> None:
    batch = started(live, numbered(35))
    assert services.tend_batch(batch.pk, stopping=lambda: True) == "goes on"
    assert batch.runs.count() == 10  # and they run already
    assert set(priorities(batch)) == {Run.BULK}
    assert services.tend_batch(batch.pk) == "done"
    assert contents(batch) == [f"row {n}" for n in range(1, 36)]


def test_a_second_loader_leaves_out_what_the_first_has_made(
    live: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one loads everything between this one's first and second chunk."""
    batch = started(live, numbered(35))
    real, calls = filling.add_chunk, []

    def interrupted(*args: Any, **kwargs: Any) -> bool:
        calls.append(1)
        if len(calls) == 2:
            monkeypatch.setattr(filling, "add_chunk", real)
            services.tend_batch(batch.pk)
        return real(*args, **kwargs)

    monkeypatch.setattr(filling, "add_chunk", interrupted)
    assert services.tend_batch(batch.pk) == "done"
    assert contents(batch) == [f"row {n}" for n in range(1, 36)]
    batch.refresh_from_db()
    assert (batch.total, batch.trouble) == (35, "")


def test_a_loader_that_spent_its_time_asks_for_another(
    live: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = started(live, numbered(35))
    monkeypatch.setattr(tending, "BUDGET_S", -1)
    assert services.tend_batch(batch.pk) == "goes on"
    assert asked_for(batch) == 2


def test_the_sweep_asks_for_a_batch_whose_loader_died(live: Version) -> None:
    batch = started(live, numbered(3))
    assert services.tend_due_batches(now=timezone.now()) == 0  # it has just begun
    later = timezone.now() + timedelta(seconds=61)
    assert services.tend_due_batches(now=later) == 1
    assert asked_for(batch) == 2
    services.tend_batch(batch.pk)
    assert services.tend_due_batches(now=later) == 0


def test_a_file_that_is_gone_is_told_on_the_batch(live: Version) -> None:
    batch = started(live, numbered(3))
    spool.drop(batch)
    services.tend_batch(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.total) == ("open", 0)
    assert "file is gone" in batch.trouble


def test_a_batch_of_the_source_reads_each_item_in_its_run(tmp_path: Path, settings: Any) -> None:
    settings.FILE_ROOTS = [tmp_path]
    for name in ("a.md", "b.md", "c.txt"):
        (tmp_path / name).write_text(name)
    automation = make_automation(source="file")
    automation.source.settings = {"path": "*"}
    automation.source.save()
    live = make_live(automation)
    batch = services.draft_from_source(automation, by=SYSTEM, pattern="*.md")
    services.start_batch(batch, by=SYSTEM)
    services.tend_batch(batch.pk)
    runs = batch.runs.order_by("batch_row")
    assert list(runs.values_list("source_item", "step")) == [("a.md", "source"), ("b.md", "source")]
    assert runs[0].version == live
    with pytest.raises(WrongState, match="Nothing of the source matches"):
        services.draft_from_source(automation, by=SYSTEM, pattern="*.pdf")


def reading_once(tmp_path: Path, settings: Any, *names: str) -> Automation:
    settings.FILE_ROOTS = [tmp_path]
    for name in names:
        (tmp_path / name).write_text(name)
    automation = make_automation(source="file")
    automation.source.settings = {"path": "*", "only_new": True}
    automation.source.save()
    make_live(automation, rules=[])
    return Automation.objects.get(pk=automation.pk)


def test_a_draft_takes_nothing_and_its_batch_takes_each_item_once(
    tmp_path: Path, settings: Any
) -> None:
    automation = reading_once(tmp_path, settings, "a.md", "b.md", "c.md")
    services.discard_batch(services.draft_from_source(automation, by=SYSTEM), by=SYSTEM)
    batch = services.draft_from_source(automation, by=SYSTEM)
    assert not SeenItem.objects.exists()
    (tmp_path / "a.md").unlink()
    services.run_source(automation, by=SYSTEM)  # takes b and c after they were listed
    services.start_batch(batch, by=SYSTEM)
    services.tend_batch(batch.pk)
    batch.refresh_from_db()
    assert list(batch.runs.values_list("source_item", "batch_row")) == [("a.md", 1)]
    assert batch.trouble.startswith("2 items were left out")
    with pytest.raises(NothingNew):
        services.run_source(automation, by=SYSTEM)


def test_a_batch_of_the_source_that_is_interrupted_is_continued_without_gap_or_repeat(
    tmp_path: Path, settings: Any
) -> None:
    automation = reading_once(tmp_path, settings, *(f"{n:02}.md" for n in range(25)))
    batch = services.draft_from_source(automation, by=SYSTEM)
    services.start_batch(batch, by=SYSTEM)
    while services.tend_batch(batch.pk, stopping=lambda: True) == "goes on":
        pass
    rows = list(batch.runs.order_by("batch_row").values_list("batch_row", "source_item"))
    assert rows == [(n + 1, f"{n:02}.md") for n in range(25)]
    assert SeenItem.objects.count() == 25


# --- trouble, and what nobody wants any more -----------------------------------------------


def test_a_loader_that_breaks_says_so_and_gives_up_after_some_tries(live: Version) -> None:
    batch = started(live, numbered(3))
    place = spool.path_of(batch)
    place.unlink()
    place.mkdir()  # reading it is an error that nobody foresaw
    for count in range(1, loading.TRIES):
        with pytest.raises(IsADirectoryError):
            services.tend_batch(batch.pk)
        batch.refresh_from_db()
        assert f"({count} of {loading.TRIES})" in batch.trouble
    services.tend_batch(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.needs_worker) == ("open", False)
    assert "it was given up" in batch.trouble


def test_a_loader_that_recovers_forgets_its_trouble(live: Version) -> None:
    batch = started(live, numbered(3))
    place = spool.path_of(batch)
    kept = place.rename(place.with_name("kept"))
    place.mkdir()
    with pytest.raises(IsADirectoryError):
        services.tend_batch(batch.pk)
    place.rmdir()
    kept.rename(place)
    services.tend_batch(batch.pk)
    batch.refresh_from_db()
    assert (batch.total, batch.trouble) == (3, "")


def test_a_draft_that_nobody_starts_goes_with_its_file_after_a_day(live: Version) -> None:
    old, fresh, begun = (
        a_draft(live, numbered(1)),
        a_draft(live, numbered(1)),
        started(live, "content\nx\n"),
    )
    long_ago = timezone.now() - timedelta(days=1, minutes=1)
    Batch.objects.filter(pk__in=[old.pk, begun.pk]).update(created_at=long_ago)
    assert services.expire_drafts(now=timezone.now()) == 1
    assert set(Batch.objects.all()) == {fresh, begun}
    assert not spool.path_of(old).exists()
    assert spool.path_of(fresh).exists()
    assert "expire draft batch" in actions()


def test_a_file_is_read_before_its_row_is_locked(
    live: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    from automations import rows

    batch, inside = a_draft(live, numbered(1)), []
    scan = rows.scan

    def watched(*args: Any) -> Any:
        inside.append(connection.in_atomic_block)
        return scan(*args)

    monkeypatch.setattr(rows, "scan", watched)
    services.map_columns(batch, Plan({"content": "content"}), skips_bad=False, by=SYSTEM)
    assert inside == [False]
