"""Sources that hold far more than one run takes: everything is taken, the oldest first, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from automations import storage
from automations.errors import NothingNew
from automations.models import Automation, Batch, Run, SeenItem, Source
from automations.services import SYSTEM, run_source, seen
from tests.makers import make_automation, make_live, make_run

pytestmark = pytest.mark.django_db


def reading(kind: str, **settings: object) -> Automation:
    automation = make_live().automation
    Source.objects.filter(automation=automation).delete()
    source = Source(automation=automation, kind=kind, settings=settings)
    source.full_clean()
    source.save()
    return Automation.objects.get(pk=automation.pk)


def takes(automation: Automation) -> list[int]:
    """Run on the source until nothing is new; return how many runs each time started."""
    counts: list[int] = []
    while True:
        try:
            started = run_source(automation, by=SYSTEM)
        except NothingNew:
            return counts
        counts.append(started.runs.count() if isinstance(started, Batch) else 1)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automations.connectors.automation_source.PAGE", 10)
    monkeypatch.setattr(seen, "LARGEST_TAKE", 10)


@pytest.mark.usefixtures("small_pieces")
def test_every_output_is_taken_however_many_came_at_once() -> None:
    upstream = make_live(make_automation("upstream"))
    history = [make_run(upstream, status="success", output_data={"text": "x"}) for _ in range(25)]
    late = make_run(upstream, status="awaiting_approval", output_data={"text": "late"})
    automation = reading("automation", automation="upstream", first_take=2)
    assert takes(automation) == [2]
    assert SeenItem.objects.count() == len(history)

    new = [make_run(upstream, status="success", output_data={"text": "new"}) for _ in range(35)]
    Run.objects.filter(pk=late.pk).update(status="success", completed_at=timezone.now())
    assert takes(automation) == [10, 10, 10, 6]
    mine = Run.objects.filter(automation=automation).order_by("pk")
    order = list(mine.values_list("caused_by", flat=True))
    assert order == [history[-2].pk, history[-1].pk, late.pk, *(run.pk for run in new)]
    assert mine[2].input_data == {"content": "late"}


def test_a_grown_folder_is_read_on(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BASE_DIR, settings.FILE_ROOTS = tmp_path, [tmp_path]
    monkeypatch.setattr(storage, "MAX_MATCHES", 5)
    automation = reading("file", path="*.md", only_new=True)
    for number in range(4):
        (tmp_path / f"{number}.md").write_text("A text.")
    assert takes(automation) == [4]
    for number in range(4, 8):
        (tmp_path / f"{number}.md").write_text("A text.")
    assert takes(automation) == [4]
