"""Sources that remember: each item is taken once, by whoever comes first."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from pytest_django import Settings

from automations import services
from automations.connectors.base import Item
from automations.errors import NotAllowed, NothingNew, WrongState
from automations.models import AuditEvent, Automation, Batch, Run, SeenItem, Source
from automations.services import SYSTEM, Origin, examine_source, forget_seen, run_source, seen
from automations.services.starting import start_items
from tests.automations.connectors.serving import Site, serving
from tests.automations.connectors.test_feed import entry, rss
from tests.makers import make_automation, make_live, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.BASE_DIR, settings.FILE_ROOTS = tmp_path, [tmp_path / "files"]
    (tmp_path / "files" / "in").mkdir(parents=True)
    return tmp_path / "files" / "in"


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    with serving() as running:
        settings.OUTBOUND_ALLOW = {"source": [running.place]}
        yield running


def reading(kind: str = "file", **settings: Any) -> Automation:
    automation = make_live().automation
    Source.objects.filter(automation=automation).delete()
    given = {"path": "in", "only_new": True} if kind == "file" else settings
    source = Source(automation=automation, kind=kind, settings=given)
    source.full_clean()
    source.save()
    return Automation.objects.get(pk=automation.pk)


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(f"The text of {name}")


def test_a_file_is_taken_once(folder: Path) -> None:
    automation = reading()
    write(folder, "a.md", "b.md", "ignored.png")
    batch = run_source(automation, by=SYSTEM)
    assert isinstance(batch, Batch)
    assert sorted(batch.runs.values_list("source_item", flat=True)) == ["in/a.md", "in/b.md"]
    with pytest.raises(NothingNew, match="all 2 of its items were taken before"):
        run_source(automation, by=SYSTEM)
    write(folder, "c.md")
    run = run_source(automation, by=SYSTEM)
    assert isinstance(run, Run)
    assert (run.source_item, run.step) == ("in/c.md", Run.Step.SOURCE)
    assert SeenItem.objects.count() == 3


def test_a_source_that_does_not_remember_takes_everything_again(folder: Path) -> None:
    automation = reading()
    automation.source.settings["only_new"] = False
    automation.source.save()
    write(folder, "a.md")
    run_source(automation, by=SYSTEM)
    run_source(automation, by=SYSTEM)
    assert Run.objects.count() == 2
    assert not SeenItem.objects.exists()


def test_forgetting_lets_them_be_taken_again_and_is_noted(folder: Path, editor: User) -> None:
    automation = reading()
    write(folder, "a.md", "b.md")
    run_source(automation, by=SYSTEM)
    assert forget_seen(automation.source, by=editor) == 2
    run_source(automation, by=SYSTEM)
    assert Run.objects.count() == 4
    event = AuditEvent.objects.get(action="forget seen items")
    assert (event.before, event.after) == ({"seen": 2}, {"seen": 0})


def test_forgetting_needs_the_right(folder: Path, operator: User) -> None:
    with pytest.raises(NotAllowed):
        forget_seen(reading().source, by=operator)


def test_when_the_runs_cannot_be_stored_nothing_is_noted(folder: Path) -> None:
    automation = reading()
    write(folder, "a.md")
    run_source(automation, by=SYSTEM, origin=Origin(slot="same"))
    item = Item("in/b.md", "in/b.md")
    broken = automation.live_version
    assert broken is not None
    broken.pk = 10_000_000  # no such version: the run breaks the foreign key
    with pytest.raises(Exception), transaction.atomic():  # noqa: B017, PT011, PT012
        start_items(broken, [item], by=SYSTEM, origin=Origin())
        connection.check_constraints()
    assert seen.unseen(automation.source, [item]) == [item]


def test_the_first_look_at_a_feed_takes_the_newest_and_passes_by_the_rest(site: Site) -> None:
    url = site.put("/feed", rss(*(entry(n) for n in range(1, 6))))
    automation = reading("feed", url=url, first_take=2)
    batch = run_source(automation, by=SYSTEM)
    assert isinstance(batch, Batch)
    runs = list(batch.runs.order_by("id"))
    # In the order in which they were published, with the text that the feed gave.
    assert [run.source_item for run in runs] == ["id-4", "id-5"]
    assert runs[0].input_data["content"].startswith("Entry 4\n\nhttps://example.com/4")
    assert runs[0].step == Run.Step.MODEL
    assert SeenItem.objects.count() == 5
    site.put("/feed", rss(*(entry(n) for n in range(3, 9))))
    later = run_source(automation, by=SYSTEM)
    assert isinstance(later, Batch)
    keys = later.runs.order_by("id").values_list("source_item", flat=True)
    assert list(keys) == ["id-6", "id-7", "id-8"]


def test_an_entry_that_comes_twice_in_one_feed_is_one(site: Site) -> None:
    url = site.put("/feed", rss(entry(1), entry(1), entry(1)))
    run = run_source(reading("feed", url=url), by=SYSTEM)
    assert isinstance(run, Run)
    assert run.source_item == "id-1"


def test_a_feed_without_entries_is_nothing_new(site: Site) -> None:
    automation = reading("feed", url=site.put("/feed", rss()))
    with pytest.raises(NothingNew, match="holds nothing yet"):
        run_source(automation, by=SYSTEM)


def test_a_source_without_items_of_its_own_wants_an_input() -> None:
    with pytest.raises(WrongState, match="give it an input") as caught:
        run_source(make_live().automation, by=SYSTEM)
    assert not isinstance(caught.value, NothingNew)


def test_the_text_goes_to_the_automations_own_field(site: Site) -> None:
    automation = reading("feed", url=site.put("/feed", rss(entry(1))))
    automation.input_schema = {
        "type": "object",
        "properties": {
            "count": {"type": "integer"},
            "title": {"type": "string"},
            "article": {"type": "string", "format": "textarea"},
        },
    }
    automation.save()
    run = run_source(Automation.objects.get(pk=automation.pk), by=SYSTEM)
    assert isinstance(run, Run)
    assert list(run.input_data) == ["article"]


def test_a_run_of_another_automations_output_stands_behind_it() -> None:
    first = make_run(
        make_live(make_automation("first")), status="success", output_data={"text": "x"}, depth=1
    )
    run = run_source(reading("automation", automation="first"), by=SYSTEM)
    assert isinstance(run, Run)
    assert (run.caused_by_id, run.depth, run.input_data) == (first.pk, 2, {"content": "x"})


def test_an_item_given_by_an_event_is_taken_once_as_well(folder: Path) -> None:
    automation = reading()
    write(folder, "a.md")
    version = automation.live_version
    assert version is not None
    start_items(version, [Item("in/a.md", "a")], by=SYSTEM, origin=Origin())
    with pytest.raises(NothingNew):
        start_items(version, [Item("in/a.md", "a")], by=SYSTEM, origin=Origin())
    with pytest.raises(NothingNew):
        run_source(automation, by=SYSTEM)
    assert Run.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_moment_take_each_item_once(folder: Path) -> None:
    automation = reading()
    write(folder, *(f"{n}.md" for n in range(20)))
    version = automation.live_version
    assert version is not None
    items = services.starting.source_items(automation)
    together = threading.Barrier(4)
    outcomes: list[object] = []

    def take() -> None:
        together.wait()
        try:
            outcomes.append(start_items(version, items, by=SYSTEM, origin=Origin()))
        except NothingNew as nothing:
            outcomes.append(nothing)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([outcome for outcome in outcomes if isinstance(outcome, Batch)]) == 1
    assert len(outcomes) == 4
    assert Run.objects.count() == SeenItem.objects.count() == 20


def test_what_a_run_would_take_is_told_without_taking_it(folder: Path) -> None:
    automation = reading()
    write(folder, "a.md", "b.md", "c.md")
    version = automation.live_version
    assert version is not None
    start_items(version, [Item("in/a.md", "a")], by=SYSTEM, origin=Origin())
    message, sample = examine_source(automation.source)
    assert message == "3 items, 2 of them new; the first is in/b.md, 16 characters."
    assert sample == {
        "total": 3, "new": 2, "text": "The text of b.md", "items": ["in/b.md", "in/c.md"],
    }  # fmt: skip
    assert Run.objects.count() == 1


def test_a_source_whose_input_comes_along_has_nothing_to_reach() -> None:
    message, sample = examine_source(make_live().automation.source)
    assert message.startswith("There is nothing to reach")
    assert sample == {}


def test_more_than_a_thousand_new_items_wait_for_the_next_time(folder: Path) -> None:
    automation = reading()
    for number in range(1_005):
        os.close(os.open(folder / f"{number:05d}.md", os.O_CREAT | os.O_WRONLY))
    batch = run_source(automation, by=SYSTEM)
    assert isinstance(batch, Batch)
    assert batch.total == 1_000
    rest = run_source(automation, by=SYSTEM)
    assert isinstance(rest, Batch)
    assert rest.total == 5
