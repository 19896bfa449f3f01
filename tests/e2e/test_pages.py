"""Our own pages in a real browser: from the button to the output, and usable by everybody."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from automations import services
from automations.models import Attempt, Automation, Batch, Delivery, Run, Trigger
from automations.services.firings import note_firing
from tests.automations.batching import upload
from tests.automations.versioning import pages_of_versions
from tests.e2e.conftest import Check, Open, visit
from tests.e2e.test_shell import LOOKS
from tests.lifecycle.boxes import pages_of_checklists
from tests.lifecycle.earning import pages_of_money
from tests.lifecycle.portfolios import pages_of_the_portfolio
from tests.lifecycle.promoting import pages_of_promotions
from tests.lifecycle.prototyping import pages_of_prototypes, pages_of_reviews
from tests.lifecycle.scoring import pages_of_scorecards
from tests.makers import (
    LONG_TEXT,
    make_delivery,
    make_destination,
    make_live,
    make_provider,
    make_run,
    make_token,
    make_version,
)
from tests.provider import ProviderProcess

VERDICTS = [
    {"direction": "input", "turn": 0, "kind": "length", "label": "Length", "passed": True,
     "message": "234 characters", "code": "ok", "category": "validation_error"},
    {"direction": "output", "turn": 0, "kind": "length", "label": "Length", "passed": False,
     "message": "3 characters; needs 50", "code": "too_short", "category": "validation_error"},
]  # fmt: skip


# --- the main job --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def provider() -> Iterator[ProviderProcess]:
    """The fake provider in a process: Playwright's loop occupies this one."""
    with ProviderProcess(latency_ms=700) as server:
        yield server


@pytest.fixture
def worker(
    process_environment: dict[str, str], provider: ProviderProcess, tmp_path: Path
) -> Iterator[None]:
    """A real worker that may call the fake provider."""
    log = (tmp_path / "worker.log").open("wb")
    place = f"127.0.0.1:{provider.port}"
    environment = {
        **process_environment,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "OUTBOUND_ALLOW_PROVIDERS": place,
        "OUTBOUND_ALLOW_DESTINATIONS": place,
    }
    command = [sys.executable, "manage.py", "worker"]
    process = subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, stdout=log, stderr=log
    )
    yield
    process.terminate()
    process.wait(60)
    log.close()


@pytest.fixture
def automation(provider: ProviderProcess, transactional_db: None) -> Automation:
    """An automation whose answers come from the fake provider and go back to it."""
    endpoint = make_provider(kind="endpoint", base_url=provider.base_url, name="Loopback")
    live = make_live(provider=endpoint, model="ok")
    where = {"url": f"{provider.url}/deliver/posts", "honours_idempotency_key": True}
    make_destination(live.automation, name="Blog", kind="http", settings=where)
    return live.automation


@pytest.mark.worker
@pytest.mark.django_db(transaction=True)
def test_from_the_button_to_the_output(
    open_page: Open, automation: Automation, worker: None
) -> None:
    page = open_page(automation.get_absolute_url())
    page.get_by_role("link", name="Run now").first.click()
    page.get_by_label("Content").fill(LONG_TEXT)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Run ")
    expect(page.locator("h1 .pill")).to_have_text("Success", timeout=60_000)
    expect(page.get_by_role("status").first).to_contain_text("Answered by ok at Loopback.")
    expect(page.locator("#output-text")).to_contain_text("This text was written by the fake")
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    deliveries = page.get_by_role("region", name="Deliveries")
    expect(deliveries.locator(".pill")).to_have_text("Delivered")
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url))
    page.wait_for_timeout(3_000)  # longer than the interval at which an unfinished run asks
    assert calls == []


@pytest.mark.worker
@pytest.mark.django_db(transaction=True)
def test_from_a_changed_draft_to_a_version_that_is_kept(
    open_page: Open, automation: Automation, worker: None
) -> None:
    page = open_page(reverse("automation_versions", args=[automation.slug]))
    page.get_by_role("button", name="New draft", exact=True).click()
    page.get_by_label("System prompt").fill("Be brief.")
    page.get_by_role("button", name="Save and try it").click()
    page.get_by_label("Content").fill(LONG_TEXT)
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("v2")
    expect(page.get_by_role("status").first).to_contain_text("Both have answered", timeout=60_000)
    for key in ("a", "b"):
        expect(page.locator(f"#output-{key}")).to_contain_text("This text was written by the fake")
    expect(page.get_by_role("region", name="The difference in numbers")).to_contain_text("Tokens")
    expect(page.get_by_role("region", name="What differs between the recipes")).to_contain_text(
        "System prompt"
    )
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url))
    page.wait_for_timeout(3_000)  # longer than the interval at which an unfinished pair asks
    assert calls == []
    page.get_by_label("Note").fill("Briefer.")
    page.get_by_role("button", name="as a version").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Published")
    assert automation.versions.get(number=2).note == "Briefer."
    assert not Delivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_waiting_run_can_be_cancelled_while_the_page_asks(
    open_page: Open, automation: Automation
) -> None:
    assert automation.live_version
    run = make_run(automation.live_version)
    page = open_page(run.get_absolute_url())
    with page.expect_response("**/progress/*") as answered:
        pass
    assert answered.value.status == 204
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("h1 .pill")).to_have_text("Cancelled")


@pytest.mark.django_db(transaction=True)
def test_what_changes_behind_the_page_appears_on_it(
    open_page: Open, automation: Automation
) -> None:
    assert automation.live_version
    run = make_run(automation.live_version)
    page = open_page(run.get_absolute_url())
    page.get_by_text("What the model is asked").click()
    done = {"status": "success", "completed_at": timezone.now(), "output_data": {"text": "Done!"}}
    Run.objects.filter(pk=run.pk).update(**done)
    expect(page.locator("#output-text")).to_have_text("Done!")
    expect(page.locator("h1 .pill")).to_have_text("Success")
    expect(page.get_by_role("heading", name="System")).to_be_visible()


# --- by keyboard ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_palette_jumps_to_an_automation_and_to_a_run(
    open_page: Open, automation: Automation
) -> None:
    assert automation.live_version
    run = make_run(automation.live_version)
    page = open_page(reverse("portfolio"))
    page.keyboard.press("Control+k")
    page.keyboard.type("writer")
    expect(page.get_by_role("option").first).to_contain_text("Writer")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{automation.get_absolute_url()}")
    page.wait_for_selector("html[data-keys=ready]")
    page.keyboard.press("Control+k")
    page.keyboard.type(str(run.pk))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{run.get_absolute_url()}")


@pytest.mark.django_db(transaction=True)
def test_a_run_is_started_with_the_keyboard_alone(open_page: Open, automation: Automation) -> None:
    page = open_page(automation.get_absolute_url())
    with page.expect_navigation():
        page.keyboard.press("r")
    page.get_by_label("Content").focus()
    page.keyboard.type("Typed text.")
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*/")
    assert Run.objects.get().input_data == {"content": "Typed text."}


# --- usable by everybody -------------------------------------------------------------------


def a_whole_run() -> Run:
    """Make a failed run on whose page every part is shown."""
    live = make_live()
    run = make_run(
        live, status="failed", step="deliver", error_category="delivery_error",
        error_message="It may have arrived.", verdicts=VERDICTS, calls=2, answered_by="here",
        model="m", output_data={"text": "A text.", "data": {"a": 1}}, traceback="File x",
        dialogue=[{"answer": "abc", "complaints": ["Length: 3 characters; needs 50"]}],
        trace=[{"step": "model", "at": "2026-11-22T10:00:00+00:00", "ms": 800, "note": "m"}],
    )  # fmt: skip
    common = {"run": run, "provider_name": "here", "model": "m", "started_at": timezone.now()}
    Attempt.objects.create(**common, number=1, latency_ms=800, finish_reason="stop")
    Attempt.objects.create(**common, number=2, latency_ms=90, error_category="api_error")
    make_delivery(run, make_destination(live.automation, name="Blog"), state="unknown")
    return run


def addresses() -> list[str]:
    """Make rows of every kind and return the pages that show them."""
    run = a_whole_run()
    automation = run.automation
    batch = Batch.objects.create(automation=automation, name="Rows", total=1, loaded_rows=1)
    draft = services.draft_from_file(
        automation, upload("content,n\nfirst,1\nbad\n", "tickets.csv"), by=services.SYSTEM
    )
    Batch.objects.create(automation=automation, name="Replay", stopped_because="Run 1 failed.")
    waiting = make_run(run.version, status="awaiting_approval", output_data={"text": "x"})
    queued = make_run(run.version, batch=batch)
    make_run(
        run.version, batch=batch, batch_row=1, status="failed", error_category="timeout",
        error_code="deadline", error_message="Too late.",
    )  # fmt: skip
    make_version(automation)
    make_token(User.objects.create_user("automat"))
    services.start_drill(automation, {"content": LONG_TEXT}, by=services.SYSTEM)
    slug = automation.slug
    return [
        *(reverse(name) for name in ("portfolio", "guide", "runs", "batches", "replay", "tokens")),
        reverse("runs") + "?status=success",
        reverse("automation", args=[slug]), reverse("automation_run", args=[slug]),
        reverse("automation_connections", args=[slug]),
        reverse("source", args=[slug]), reverse("source", args=[slug]) + "?kind=feed",
        *pages_of_destinations(automation), *pages_of_triggers(automation),
        reverse("run", args=[run.pk]), reverse("run", args=[waiting.pk]),
        reverse("run_trace", args=[run.pk]), reverse("run_trace", args=[queued.pk]),
        *pages_of_checks(automation), *pages_of_versions(automation),
        *pages_of_deciding(automation),
        reverse("playground", args=[slug]) + f"?run={run.pk}",
        reverse("run", args=[queued.pk]), reverse("batch", args=[batch.pk]),
        reverse("batch_new", args=[slug]), reverse("batch", args=[draft.pk]),
        reverse("batch", args=[draft.pk + 1]),
        reverse("replay") + f"?run={run.pk}&run={queued.pk}",
        *(version.get_absolute_url() for version in automation.versions.all()),
        reverse("token_new"), reverse("api_guide"), reverse("drill", args=[slug]),
        reverse("admin:automations_automation_change", args=[automation.pk]),
        reverse("admin:automations_provider_change", args=[run.provider_id]),
    ]  # fmt: skip


def pages_of_deciding(automation: Automation) -> list[str]:
    """Return the pages of the upper floors."""
    return [
        *pages_of_the_portfolio(automation),
        *pages_of_money(automation),
        *pages_of_promotions(automation),
        *pages_of_scorecards(automation),
        *pages_of_checklists(automation),
        *pages_of_reviews(automation),
        *pages_of_prototypes(automation),
    ]


def pages_of_triggers(automation: Automation) -> list[str]:
    """Return the pages on which triggers are made and their history is shown."""
    schedule = Trigger(automation=automation, settings={"cron": "0 9 * * *"})
    schedule.full_clean()
    schedule.save()
    note_firing(schedule, "missed", note="No worker looked.", intended_at=timezone.now())
    hook = Trigger(automation=automation, kind="webhook")
    services.save_trigger(hook, by=services.SYSTEM, requires_signature=True)
    new = reverse("trigger_new", args=[automation.slug])
    return [
        *(f"{new}?kind={kind}" for kind in ("webhook", "automation")),
        f"{new}?kind=schedule&cron=30 2 * * *",
        *(reverse("trigger", args=[automation.slug, row.pk]) for row in (schedule, hook)),
    ]


def pages_of_destinations(automation: Automation) -> list[str]:
    """Return the pages on which destinations are made, tested and tried out."""
    slug, settings = automation.slug, {"webhook": "env:SLACK_WEBHOOK"}
    slack = make_destination(automation, kind="slack", name="Team", settings=settings)
    services.store_connection_test(slack, passed=False, message="SLACK_WEBHOOK is not set.")
    new = reverse("destination_new", args=[slug])
    return [
        *(f"{new}?kind={kind}" for kind in ("http", "email", "automation")),
        reverse("destination", args=[slug, slack.pk]),
        reverse("destination_dry_run", args=[slug, slack.pk]),
    ]


def pages_of_checks(automation: Automation) -> list[str]:
    """Return the pages on which the checks of a draft and of the live version are shown."""
    draft, live = automation.versions.drafts().get(), automation.live_version
    assert live
    new = reverse("check_new", args=[draft.pk])
    return [
        reverse("version_checks", args=[draft.pk]),
        reverse("version_checks", args=[live.pk]),
        reverse("check", args=[draft.validator_rules.all()[0].pk]),
        reverse("check", args=[live.validator_rules.all()[0].pk]),
        f"{new}?direction=output&kind=grounding", f"{new}?direction=input&kind=regex",
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(400)  # some 20 pages, each judged several times
@pytest.mark.parametrize("look", LOOKS)
def test_every_page_can_be_used_by_everybody(
    open_page: Open, accessible: Check, look: dict[str, bool]
) -> None:
    page = open_page(reverse("portfolio"), **look)
    accessible(page)
    for address in addresses():
        visit(page, address)
        accessible(page)
        for tab in page.get_by_role("tab").all()[1:]:
            tab.click()
            accessible(page)
        open_all(page)
        accessible(page)


def open_all(page: Page) -> None:
    """Open what is folded in the page's content; menus lie over it, and are opened one by one."""
    folded = "main details:not(.menu)"
    page.evaluate(f"document.querySelectorAll('{folded}').forEach(d => {{ d.open = true }})")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("look", LOOKS)
def test_a_form_with_errors_can_be_used_by_everybody(
    open_page: Open, accessible: Check, automation: Automation, look: dict[str, bool]
) -> None:
    page = open_page(reverse("automation_run", args=[automation.slug]), **look)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was started yet")
    expect(page.get_by_label("Content")).to_have_attribute("aria-invalid", "true")
    accessible(page)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("look", LOOKS)
def test_pages_of_refusal_can_be_used_by_everybody(
    open_page: Open, accessible: Check, automation: Automation, look: dict[str, bool]
) -> None:
    nobody = User.objects.create_user("nobody")
    page = open_page(reverse("portfolio"), user=nobody, **look)
    accessible(page)
    for address in (reverse("runs"), automation.get_absolute_url()):
        visit(page, address)
        accessible(page)


def texts_on(page: Page) -> Any:
    return page.locator("main").inner_text()


@pytest.mark.django_db(transaction=True)
def test_script_in_an_output_does_not_run(open_page: Open, automation: Automation) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    run = make_run(automation.live_version, status="success", output_data={"text": evil})
    page = open_page(run.get_absolute_url())
    assert "owned" not in page.title()
    assert evil in texts_on(page)
