"""Sources in real runs: a document, a web page, a feed, another automation's output."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from automations.engine.pump import Pace, Pump
from automations.models import Automation, Run, Source, Version
from automations.services import SYSTEM, run_source
from tests.automations.commanding import call
from tests.automations.connectors.serving import Site, serving
from tests.automations.connectors.test_feed import entry, rss
from tests.automations.documents.making import lock_pdf, make_docx, make_pdf
from tests.automations.engine.driving import BRISK, pumping, wait_for
from tests.makers import LONG_TEXT, make_automation, make_live, make_run
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)
GOOD = "A post that is long enough to be a post: it has more than fifty characters."
ARTICLE = {
    "type": "object",
    "properties": {
        "tone": {"type": "string"},
        "article": {"type": "string", "format": "textarea"},
    },
    "required": ["article"],
}


@pytest.fixture
def writer(answering: FakeProvider) -> Version:
    """An automation whose long text is not called content, and without length checks."""
    answering.script(answer=GOOD)
    automation = make_automation("writer", input_schema=ARTICLE)
    return make_live(automation, model="ok", rules=[], user_prompt="{{ article }}")


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    with serving() as running:
        settings.OUTBOUND_ALLOW = {**settings.OUTBOUND_ALLOW, "source": [running.place]}
        yield running


def use(version: Version, kind: str, **settings: Any) -> Automation:
    source = Source.objects.get(automation=version.automation)
    source.kind, source.settings = kind, settings
    source.full_clean()
    source.save()
    return Automation.objects.get(pk=version.automation_id)


def test_a_document_is_the_input_of_a_command(writer: Version, tmp_path: Path) -> None:
    for name, data in (("a.pdf", make_pdf("From a PDF")), ("a.docx", make_docx("From Word"))):
        path = tmp_path / name
        path.write_bytes(data)
        assert call("run_automation", "writer", "--input", str(path)).code == 0
    inputs = Run.objects.order_by("id").values_list("input_data", flat=True)
    assert list(inputs) == [{"article": "From a PDF"}, {"article": "From Word"}]


def test_a_document_that_cannot_be_read_is_a_failed_run_of_a_command(
    writer: Version, tmp_path: Path
) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(lock_pdf(make_pdf(), password="secret"))
    said = call("run_automation", "writer", "--input", str(path))
    assert said.code == 1
    assert "a.pdf has a password; save it without one." in said.err
    run = Run.objects.get()
    assert (run.error_category, run.error_code) == ("source_error", "password_protected")


def test_a_command_reads_the_source(writer: Version, tmp_path: Path, settings: Any) -> None:
    settings.BASE_DIR, settings.FILE_ROOTS = tmp_path, [tmp_path / "files"]
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.pdf").write_bytes(make_pdf("From the folder"))
    use(writer, "file", path="a.pdf")
    assert call("run_automation", "writer").code == 0
    run = Run.objects.get()
    assert (run.status, run.source_item) == ("success", "a.pdf")
    assert run.input_data == {"article": "From the folder"}


def test_a_page_is_read_when_its_run_begins(
    writer: Version, site: Site, answering: FakeProvider
) -> None:
    use(writer, "http_get", url=site.put("/a", f"<h1>News</h1><p>{LONG_TEXT}</p>", "text/html"))
    assert call("run_automation", "writer").code == 0
    run = Run.objects.get()
    assert run.status == "success"
    assert LONG_TEXT.strip() in run.input_data["article"]
    assert run.trace[0]["step"] == "source"


@pytest.mark.parametrize(
    ("status", "code"), [(404, "http_404"), (403, "http_403"), (503, "http_503")]
)
def test_a_page_that_cannot_be_read_is_a_source_error(
    writer: Version, site: Site, status: int, code: str
) -> None:
    use(writer, "http_get", url=site.put("/a", "no", status=status))
    assert call("run_automation", "writer").code == 1
    run = Run.objects.get()
    assert (run.status, run.error_category, run.error_code) == ("failed", "source_error", code)
    assert f"answered {status}" in (run.error_message or "")
    assert run.calls == 0


def test_a_feed_entry_is_the_input_of_its_run(writer: Version, site: Site) -> None:
    use(writer, "feed", url=site.put("/feed", rss(entry(1))))
    assert call("run_automation", "writer").code == 0
    assert call("run_automation", "writer").code == 2  # nothing new
    run = Run.objects.get()
    assert (run.status, run.source_item) == ("success", "id-1")
    assert run.input_data["article"].startswith("Entry 1")


def test_an_output_is_the_input_of_the_next_automation(writer: Version, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("The first text")
    assert call("run_automation", "writer", "--input", str(path)).code == 0
    second = make_live(make_automation("second"), model="ok", rules=[])
    use(second, "automation", automation="writer")
    assert call("run_automation", "second").code == 0
    first, last = Run.objects.order_by("id")
    assert (last.input_data, last.status) == ({"content": GOOD}, "success")
    assert (last.caused_by_id, last.depth) == (first.pk, 1)


def test_two_automations_that_feed_each_other_come_to_an_end(answering: FakeProvider) -> None:
    answering.script(answer=GOOD)
    one = make_live(make_automation("one"), model="ok", rules=[])
    two = make_live(make_automation("two"), model="ok", rules=[])
    one_again = use(one, "automation", automation="two")
    two_again = use(two, "automation", automation="one")
    made: dict[str, Any] = {"status": "success", "output_data": {"text": "x"}}
    make_run(one, depth=Run.MAX_DEPTH - 1, **made)
    last = run_source(two_again, by=SYSTEM)
    assert isinstance(last, Run)
    assert last.depth == Run.MAX_DEPTH
    Run.objects.filter(pk=last.pk).update(completed_at=timezone.now(), **made)
    # The chain is as deep as it may be: nothing of it is taken any more.
    assert call("run_automation", one_again.slug).code == 2
    assert Run.objects.count() == 2


def test_sources_that_hang_hold_up_nothing_else(writer: Version, settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        settings.OUTBOUND_ALLOW = {**settings.OUTBOUND_ALLOW, "source": [place]}
        reader = make_live(make_automation("reader", concurrency=100), model="ok")
        url = f"http://{place}/"
        use(reader, "http_get", url=url)
        hanging = min(32, (os.cpu_count() or 1) + 4)  # as many threads as an event loop has
        for _ in range(hanging):
            make_run(reader, step="source", source_item=url, input_data={})
        # What is this long is checked in a thread of the event loop.
        long = make_run(writer, input_data={"article": "word " * 10_000}, available_at=soon())
        with pumping(Pump("pump", Pace(**{**BRISK, "budget_s": 30, "grace_s": 1}))):
            wait_for(lambda: has_ended(long), "the end of the long run", timeout_s=10)
            assert Run.objects.running().count() == hanging


def soon() -> datetime:
    return timezone.now() + timedelta(seconds=1)


def has_ended(run: Run) -> bool:
    return Run.objects.filter(pk=run.pk, status="success").exists()
