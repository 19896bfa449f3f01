"""The page of a run: what it shows in each state, its live part, and its buttons."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.models import Attempt, Control, Delivery, Provider, Run, Source, Worker
from tests.makers import LONG_TEXT, make_delivery, make_destination, make_live, make_run

pytestmark = pytest.mark.django_db

EVIL = "<script>alert('x')</script>"
ESCAPED = "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;"
VERDICT = {"direction": "output", "turn": 0, "kind": "length", "label": "Length", "code": "ok",
           "passed": True, "message": "60 characters", "category": "validation_error"}  # fmt: skip


def shown(client: Client, user: Any, run: Run) -> str:
    """Return the page of a run as a person sees it."""
    client.force_login(user)
    answer = client.get(reverse("run", args=[run.pk]))
    assert answer.status_code == 200
    return str(answer.content.decode())


def polled(client: Client, user: Any, run: Run, mark: str = "") -> Any:
    client.force_login(user)
    return client.get(reverse("run_progress", args=[run.pk]), {"mark": mark})


def make_attempt(run: Run, **values: Any) -> Attempt:
    defaults = {"number": 1, "provider_name": "api.example", "model": "m-1",
                "started_at": timezone.now(), "latency_ms": 812}  # fmt: skip
    return Attempt.objects.create(run=run, **{**defaults, **values})


def succeeded(**values: Any) -> Run:
    defaults: dict[str, Any] = {
        "status": "success", "step": "deliver", "output_data": {"text": "A fine post."},
        "model": "m-1", "answered_by": "api.example", "calls": 1, "input_tokens": 1200,
        "output_tokens": 90, "verdicts": [VERDICT],
    }  # fmt: skip
    return make_run(**{**defaults, **values})


def test_a_finished_run_says_who_answered_at_what_cost(client: Client, viewer: Any) -> None:
    page = shown(client, viewer, succeeded(cost_usd=Decimal("0.0031")))
    assert "Answered by m-1 at api.example." in page
    assert "$0.0031" in page
    assert "1,200 in, 90 out" in page
    assert "A fine post." in page


def test_an_unknown_price_is_called_unknown(client: Client, viewer: Any) -> None:
    assert "price unknown" in shown(client, viewer, succeeded(cost_usd=None))


def test_the_embedded_model_costs_nothing_and_says_so(client: Client, viewer: Any) -> None:
    run = succeeded(cost_usd=Decimal(0), answered_by="Qwen2.5-Coder-1.5B (embedded)")
    assert "$0 (embedded)" in shown(client, viewer, run)


def test_attempts_verdicts_and_deliveries_are_listed(client: Client, viewer: Any) -> None:
    run = succeeded()
    make_attempt(run, http_status=429, error_category="api_rate_limit", error_message="Slow down.")
    make_attempt(run, number=2, is_repair=True, finish_reason="stop", request_id="req_77")
    make_delivery(run, make_destination(run.automation), state="delivered", reference="post 9")
    page = shown(client, viewer, run)
    for part in ("429", "Slow down.", "API rate limit", "req_77", "repair", "812 ms"):
        assert part in page
    assert "60 characters" in page
    assert "post 9" in page


def test_composed_text_comes_before_the_data_behind_it(client: Client, viewer: Any) -> None:
    page = shown(client, viewer, succeeded(output_data={"text": "Hello", "data": {"hook": "Hi"}}))
    assert page.index("Hello") < page.index("&quot;hook&quot;: &quot;Hi&quot;")


@pytest.mark.parametrize(
    "values",
    [
        {"output_data": {"text": EVIL}},
        {"output_data": {"text": "x", "data": {"y": EVIL}}},
        {"output_data": {EVIL: EVIL}},
        {"input_data": {"content": EVIL}},
        {"model": EVIL},
        {"answered_by": EVIL},
        {"source_item": EVIL},
        {"verdicts": [{**VERDICT, "message": EVIL, "label": EVIL}]},
        {"status": "failed", "error_message": EVIL, "error_category": "api_error"},
        {"status": "failed", "error_message": "x", "answer": EVIL, "output_data": None},
    ],
)
def test_script_from_outside_is_shown_as_text(
    client: Client, viewer: Any, values: dict[str, Any]
) -> None:
    run = succeeded(**values)
    page = shown(client, viewer, run)
    fragment = polled(client, viewer, run).content.decode()
    assert EVIL not in page + fragment
    assert "&lt;script&gt;" in page


def test_script_in_names_is_shown_as_text(client: Client, viewer: Any) -> None:
    live = make_live()
    live.automation.name = live.automation.summary = EVIL
    live.automation.save()
    make_destination(live.automation, name=EVIL)
    run = make_run(live)
    for address in (
        reverse("portfolio"), reverse("runs"), reverse("run", args=[run.pk]),
        live.automation.get_absolute_url(),
        reverse("automation_connections", args=[live.automation.slug]),
    ):  # fmt: skip
        client.force_login(viewer)
        page = client.get(address).content.decode()
        assert EVIL not in page
        assert ESCAPED in page


def test_a_failure_names_its_kind_the_reason_and_what_to_do(client: Client, viewer: Any) -> None:
    run = make_run(status="failed", error_category="authentication", error_message="No key is set.")
    page = shown(client, viewer, run)
    assert "Authentication" in page
    assert "No key is set." in page
    assert "Have the provider&#x27;s key set" in page


def test_only_superusers_see_the_traceback(client: Client, viewer: Any, superuser: Any) -> None:
    run = make_run(
        status="failed", error_category="internal_error", error_message="It is our fault.",
        traceback="File engine.py, line 3, in boom",
    )  # fmt: skip
    assert "line 3, in boom" not in shown(client, viewer, run)
    assert "It is our fault." in shown(client, viewer, run)
    assert "line 3, in boom" in shown(client, superuser, run)


def test_the_prompt_that_the_model_got_is_shown(client: Client, operator: Any) -> None:
    run = succeeded(version=make_live(system_prompt="Be brief and kind."))
    page = shown(client, operator, run)
    assert "Be brief and kind." in page
    assert page.count(LONG_TEXT.strip()[:60]) >= 2


def test_a_viewer_sees_the_run_without_its_prompts(client: Client, viewer: Any) -> None:
    page = shown(client, viewer, succeeded(version=make_live(system_prompt="Be brief and kind.")))
    assert "Be brief and kind." not in page
    assert "What the model" not in page


def test_a_prompt_that_no_model_got_is_not_said_to_be_asked(client: Client, operator: Any) -> None:
    asked, would = "What the model is asked", "What the model would have been asked"
    run = succeeded()
    called = shown(client, operator, run)
    uncalled = shown(client, operator, make_run(run.version, status="cancelled", calls=0))
    assert (asked in called, would in called) == (True, False)
    assert (asked in uncalled, would in uncalled) == (False, True)


# --- the live part -------------------------------------------------------------------------


def queued(age_s: int, **values: Any) -> Run:
    at = timezone.now() - timedelta(seconds=age_s)
    return make_run(**{"queued_at": at, "available_at": at, **values})


def test_an_old_run_is_followed_closely_again_once_approved(client: Client, approver: Any) -> None:
    run = queued(7200, status="awaiting_approval", output_data={"text": "x"})
    assert 'hx-trigger="every 2s"' in press(client, approver, "run_approve", run.pk)


def test_an_old_run_is_followed_closely_again_once_sent_again(
    client: Client, approver: Any
) -> None:
    run = queued(7200, status="failed", step="deliver", output_data={"text": "x"})
    delivery = make_delivery(run, make_destination(run.automation), state="failed")
    assert 'hx-trigger="every 2s"' in press(client, approver, "delivery_again", delivery.pk)


def test_a_waiting_run_asks_every_two_seconds(client: Client, viewer: Any) -> None:
    page = shown(client, viewer, make_run())
    assert 'hx-trigger="every 2s"' in page
    assert 'role="status" aria-live="polite"' in page
    assert "<noscript>" in page


@pytest.mark.parametrize(
    ("age_s", "trigger"), [(58, "every 2s"), (70, "every 10s"), (590, "every 10s")]
)
def test_an_older_run_asks_less_often(
    client: Client, viewer: Any, age_s: int, trigger: str
) -> None:
    run = queued(age_s)
    answer = polled(client, viewer, run)
    assert answer.status_code == 200
    assert trigger in answer.content.decode()


def test_after_ten_minutes_the_page_offers_a_button_instead(client: Client, viewer: Any) -> None:
    run = queued(601)
    page = polled(client, viewer, run).content.decode()
    assert "hx-trigger" not in page
    assert "the page no longer asks by itself" in page


def test_nothing_is_sent_when_nothing_changed(client: Client, viewer: Any) -> None:
    run = make_run()
    mark = polled(client, viewer, run).context["mark"]
    assert polled(client, viewer, run, mark).status_code == 204
    Run.objects.filter(pk=run.pk).update(status="running")
    answer = polled(client, viewer, run, mark)
    assert answer.status_code == 200
    assert "Running" in answer.content.decode()


@pytest.mark.parametrize("status", ["success", "failed", "cancelled", "awaiting_approval"])
def test_a_settled_run_switches_polling_off(client: Client, viewer: Any, status: str) -> None:
    answer = polled(client, viewer, make_run(status=status))
    assert answer.status_code == 286
    page = answer.content.decode()
    assert "hx-trigger" not in page
    assert 'id="run-actions" hx-swap-oob' in page
    assert answer.headers["Cache-Control"].startswith("max-age=0")


def test_live_parts_are_small_and_cost_few_queries(
    client: Client, viewer: Any, django_assert_max_num_queries: Any
) -> None:
    run = make_run(status="running")
    client.force_login(viewer)
    with django_assert_max_num_queries(9):
        answer = client.get(reverse("run_progress", args=[run.pk]))
    assert len(answer.content) < 9000


# --- why it waits --------------------------------------------------------------------------


def worker() -> None:
    now = timezone.now()
    Worker.objects.create(name="w", started_at=now, seen_at=now)


def test_without_a_worker_the_page_says_what_to_start(client: Client, viewer: Any) -> None:
    assert "No worker is alive" in shown(client, viewer, make_run())


def test_the_next_in_line_is_told_so(client: Client, viewer: Any) -> None:
    worker()
    assert "It is next" in shown(client, viewer, make_run())


def test_the_place_in_the_queue_is_told(client: Client, viewer: Any) -> None:
    worker()
    live = make_live()
    for _ in range(3):
        make_run(live)
    assert "3 runs are ahead of it." in shown(client, viewer, make_run(live, priority=Run.BULK))


def test_a_paused_automation_is_the_reason(client: Client, viewer: Any) -> None:
    run = make_run()
    type(run.automation).objects.update(paused_at=timezone.now())
    assert "Writer is paused" in shown(client, viewer, run)


def test_the_kill_switch_is_the_reason(client: Client, viewer: Any) -> None:
    Control.objects.update_or_create(pk=1, defaults={"halted_at": timezone.now(), "reason": "Fire"})
    assert "All automations are stopped: Fire." in shown(client, viewer, make_run())


def test_a_stopped_provider_is_the_reason(client: Client, viewer: Any) -> None:
    run = make_run()
    Provider.objects.update(circuit_opened_at=timezone.now(), circuit_reason="The key was refused.")
    assert "The key was refused." in shown(client, viewer, run)


def test_a_paused_provider_is_the_reason(client: Client, viewer: Any) -> None:
    run = make_run()
    Provider.objects.update(paused_until=timezone.now() + timedelta(seconds=30))
    assert "asked for a pause" in shown(client, viewer, run)


def test_a_retry_says_when_and_why(client: Client, viewer: Any) -> None:
    later = timezone.now() + timedelta(seconds=20)
    run = make_run(available_at=later, calls=1, error_message="The endpoint answered 500.")
    page = shown(client, viewer, run)
    assert f"tried again at {later:%H:%M:%S}" in page
    assert "The endpoint answered 500." in page


# --- buttons -------------------------------------------------------------------------------


def press(client: Client, user: Any, name: str, pk: int, **fields: str) -> str:
    """Press a button and return the page one lands on."""
    client.force_login(user)
    answer = client.post(reverse(name, args=[pk]), fields, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_cancelling_a_queued_run_ends_it(client: Client, operator: Any) -> None:
    run = make_run()
    press(client, operator, "run_cancel", run.pk)
    run.refresh_from_db()
    assert run.status == "cancelled"


def test_cancelling_a_finished_run_says_that_it_has_ended(client: Client, operator: Any) -> None:
    run = succeeded()
    assert "has ended already" in press(client, operator, "run_cancel", run.pk)
    run.refresh_from_db()
    assert run.status == "success"


def test_running_again_lands_on_the_new_run(client: Client, operator: Any) -> None:
    run = succeeded()
    page = press(client, operator, "run_again", run.pk)
    again = Run.objects.get(rerun_of=run)
    assert f"<h1>Run {again.pk}" in page
    assert again.input_data == run.input_data


def test_pressing_run_again_twice_starts_one_run(client: Client, operator: Any) -> None:
    run = succeeded()
    found = re.search(r'name="key" value="([^"]+)"', shown(client, operator, run))
    assert found
    pages = [press(client, operator, "run_again", run.pk, key=found[1]) for _ in range(2)]
    again = Run.objects.get(rerun_of=run)
    assert all(f"<h1>Run {again.pk}" in page for page in pages)
    press(client, operator, "run_again", run.pk, key=str(uuid.uuid4()))
    assert Run.objects.filter(rerun_of=run).count() == 2


@pytest.mark.parametrize("key", ["", "\x00", "x" * 500])
def test_a_key_that_is_none_is_not_stored(client: Client, operator: Any, key: str) -> None:
    run = succeeded()
    press(client, operator, "run_again", run.pk, key=key)
    assert Run.objects.get(rerun_of=run).idempotency_key is None


def test_running_again_in_production_takes_a_tick(client: Client, operator: Any) -> None:
    run = succeeded()
    assert 'name="confirm"' not in shown(client, operator, run)
    type(run.automation).objects.update(stage="production")
    assert 'name="confirm"' in shown(client, operator, run)
    assert "Tick the box" in press(client, operator, "run_again", run.pk)
    assert not Run.objects.filter(rerun_of=run).exists()
    press(client, operator, "run_again", run.pk, confirm="yes")
    assert Run.objects.filter(rerun_of=run).exists()


def test_a_run_without_input_offers_a_new_one_instead(client: Client, operator: Any) -> None:
    run = make_run(status="failed", error_category="source_error", input_data={})
    page = shown(client, operator, run)
    assert reverse("automation_run", args=[run.automation_id]) in page
    assert "Start a new run</a>" in page
    assert "Mend the input, then start a new run." in page
    assert "Run again</button>" not in page


def test_a_file_that_could_not_be_read_is_read_again(client: Client, operator: Any) -> None:
    run = make_run(status="failed", error_category="source_error", input_data={}, source_item="a")
    Source.objects.update_or_create(automation=run.automation, defaults={"kind": "file"})
    page = shown(client, operator, run)
    assert "Run again</button>" in page
    assert "Mend the source or the file, then run it again." in page


def test_running_again_without_a_live_version_says_what_to_do(
    client: Client, operator: Any
) -> None:
    run = succeeded()
    type(run.automation).objects.update(live_version=None)
    assert "has no live version" in press(client, operator, "run_again", run.pk)


def test_approving_sends_the_output_on_its_way(client: Client, approver: Any) -> None:
    run = make_run(status="awaiting_approval", output_data={"text": "x"})
    press(client, approver, "run_approve", run.pk)
    run.refresh_from_db()
    assert (run.status, run.step) == ("queued", "deliver")


def test_approving_what_does_not_wait_says_so(client: Client, approver: Any) -> None:
    assert "does not wait for approval" in press(client, approver, "run_approve", succeeded().pk)


@pytest.mark.parametrize(
    ("name", "state"), [("delivery_again", "pending"), ("delivery_delivered", "delivered")]
)
def test_a_person_decides_about_an_unknown_delivery(
    client: Client, approver: Any, name: str, state: str
) -> None:
    run = make_run(status="failed", step="deliver", output_data={"text": "x"})
    delivery = make_delivery(run, make_destination(run.automation), state="unknown")
    press(client, approver, name, delivery.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.resolved_by) == (state, approver)


def test_a_delivered_delivery_is_not_sent_again(client: Client, approver: Any) -> None:
    run = succeeded()
    delivery = make_delivery(run, make_destination(run.automation), state="delivered")
    assert "Only a failed or unknown" in press(client, approver, "delivery_again", delivery.pk)
    assert Delivery.objects.get(pk=delivery.pk).state == "delivered"


def test_who_may_not_act_sees_no_buttons(client: Client, viewer: Any) -> None:
    waiting = make_run(status="awaiting_approval", output_data={"text": "x"})
    page = shown(client, viewer, waiting) + shown(
        client, viewer, succeeded(version=waiting.version)
    )
    for words in ("Approve and deliver</button>", "Cancel</button>", "Run again</button>"):
        assert words not in page
