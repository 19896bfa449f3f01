"""What the time line tells of a run: every step, wait, person and run, in the order of time."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from automations import services
from automations.lanes import WIDTH, lane
from automations.models import Attempt, AuditEvent, Run
from automations.timeline import CHECK, DELIVERY, MODEL, SOURCE, WAIT, Event, story
from tests.automations.engine.driving import claim_once, http_destination
from tests.makers import LONG_TEXT, make_delivery, make_destination, make_live, make_run
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db

BEGAN = datetime(2026, 11, 22, 10, 0, tzinfo=timezone.get_default_timezone())
SECRET = "sk-verysecretkey1234567890"


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def line(step: str, at_s: float, ms: int, note: str = "") -> dict[str, Any]:
    return {"step": step, "at": after(at_s).isoformat(), "ms": ms, "note": note}


def verdict(direction: str, turn: int, *, passed: bool = True) -> dict[str, Any]:
    return {"direction": direction, "turn": turn, "kind": "length", "label": "Length",
            "passed": passed, "message": "60 characters", "code": "ok"}  # fmt: skip


def attempt(run: Run, number: int, at_s: float, ms: int, **values: Any) -> Attempt:
    defaults = {"provider_name": "api.example", "model": "m-1", "input_tokens": 100,
                "output_tokens": 9, "cost_usd": Decimal("0.001")}  # fmt: skip
    return Attempt.objects.create(
        run=run, number=number, started_at=after(at_s), latency_ms=ms, **{**defaults, **values}
    )


def long_run(**values: Any) -> Run:
    """A run that was limited, repaired, approved, sent twice: everything that can happen."""
    trace = [
        line("source", 1, 200, "post.md"), line("model", 1.2, 300, "Slow down."),
        line("model", 5, 1000, "m-1 at api.example"), line("check", 6, 2, "Length: too short"),
        line("model", 6.5, 900, "m-1 at api.example"), line("check", 7.4, 1),
        line("deliver", 60, 500, "Blog answered 503."), line("deliver", 62, 400),
    ]  # fmt: skip
    verdicts = [verdict("input", 0), verdict("output", 0, passed=False), verdict("output", 1)]
    defaults: dict[str, Any] = {
        "status": "success", "step": "deliver", "queued_at": BEGAN, "started_at": after(1),
        "completed_at": after(62.4), "trace": trace, "verdicts": verdicts, "calls": 3,
        "dialogue": [{"answer": "Short.", "complaints": ["Length: too short"]}],
        "output_data": {"text": "A fine post."},
    }  # fmt: skip
    run = make_run(**{**defaults, **values})
    attempt(run, 1, 1.2, 300, error_category="api_rate_limit", error_message="Slow down.",
            http_status=429, cost_usd=None, input_tokens=None, output_tokens=None)  # fmt: skip
    attempt(run, 2, 5, 1000)
    attempt(run, 3, 6.5, 900, is_repair=True)
    return run


def told(run: Run, **more: Any) -> list[Event]:
    return story(
        run, attempts=list(run.attempts.all()),
        deliveries=list(run.deliveries.select_related("destination")), **more,
    )  # fmt: skip


def test_everything_is_told_in_the_order_of_time(editor: Any) -> None:
    run = long_run(requested_by=editor)
    make_delivery(run, make_destination(run.automation, name="Blog"), state="delivered", tries=2)
    AuditEvent.objects.create(by_name="ada", action="approve delivery", object_type="run",
                              object_id=str(run.pk))  # fmt: skip
    approved = AuditEvent.objects.get()
    approved.at = after(59)
    titles = [event.title for event in told(run, audit=[approved])]
    assert titles == [
        "Queued by editor",
        "Waited in the queue",
        "Read the source",
        "Checked the input: 1 of 1 passed",
        "Asked the model, call 1: API rate limit",
        "Paused by the provider's rate limit",
        "Asked the model, call 2: answered",
        "Checked answer 1: 0 of 1 passed",
        "Sent back to the model for a repair",
        "Waited for its turn to ask again",
        "Asked for a repair, call 3: answered",
        "Checked answer 2: 1 of 1 passed",
        "Waited for a person",
        "Approved by ada",
        "Waited for a worker",
        "Delivery, try 1",
        "Back-off before the next delivery",
        "Delivery, try 2",
        "Success",
    ]


def test_each_call_has_its_numbers_and_its_cost() -> None:
    calls = [event for event in told(long_run()) if event.kind == MODEL]
    assert [(call.ms, call.cost) for call in calls] == [
        (300, None), (1000, Decimal("0.001")), (900, Decimal("0.001")),
    ]  # fmt: skip
    assert dict(calls[1].facts)["Tokens"] == "100 in, 9 out"
    assert dict(calls[0].facts)["HTTP status"] == "429"
    assert calls[0].notes == ("Slow down.",)


def test_a_refused_answer_is_kept_with_the_complaints() -> None:
    repair = next(event for event in told(long_run()) if event.refused is not None)
    assert (repair.refused, repair.notes) == ("Short.", ("Length: too short",))


def test_a_cut_off_answer_that_no_check_saw_is_told_too() -> None:
    dialogue = [{"answer": "It goes", "complaints": ["It was cut off at 9 tokens"]}]
    run = make_run(queued_at=BEGAN, dialogue=dialogue, verdicts=[])
    attempt(run, 1, 2, 500, error_category="validation_error", error_code="output_truncated")
    repair = next(event for event in told(run) if event.refused is not None)
    assert (repair.refused, repair.at) == ("It goes", after(2.5))


def test_what_a_delivery_came_to_is_told_with_its_last_try() -> None:
    run = long_run()
    make_delivery(run, make_destination(run.automation, name="Blog"), state="delivered", tries=2,
                  latency_ms=380, reference="post 9")  # fmt: skip
    tries = [event for event in told(run) if event.kind == DELIVERY]
    assert [event.notes for event in tries] == [("Blog answered 503.",), ()]
    assert tries[1].facts == (("Blog", "Delivered, 2 tries, 380 ms; post 9"),)


def test_a_delivery_without_a_trace_is_told_nevertheless() -> None:
    run = make_run(status="success")
    make_delivery(run, make_destination(run.automation, name="Blog"), state="delivered")
    assert "Delivery" in [event.title for event in told(run)]


def test_an_old_call_without_a_row_is_told_from_the_trace() -> None:
    run = make_run(queued_at=BEGAN, trace=[line("model", 1, 800, "m at here")])
    asked = next(event for event in told(run) if event.kind == MODEL)
    assert (asked.ms, asked.notes) == (800, ("m at here",))


def test_runs_that_follow_are_told() -> None:
    run = long_run()
    handed = make_run(run.version, caused_by=run, depth=1)
    again = make_run(run.version, rerun_of=run)
    others = [event for event in told(run, caused=[handed, again]) if event.run_id]
    assert [(event.title, event.run_id) for event in others] == [
        (f"Handed to Writer as run {handed.pk}", handed.pk),
        (f"Run again as run {again.pk}", again.pk),
    ]


@pytest.mark.parametrize(
    ("status", "title"),
    [("queued", "Waits in the queue"), ("awaiting_approval", "Waits for approval")],
)
def test_a_run_that_waits_says_since_when_and_why(status: str, title: str) -> None:
    since = timezone.now() - timedelta(seconds=90)
    run = make_run(status=status, queued_at=since)
    last = told(run, waits=["No worker is alive."])[-1]
    assert (last.kind, last.title, last.notes) == (WAIT, title, ("No worker is alive.",))
    assert 90_000 <= (last.ms or 0) < 120_000


def test_a_failure_ends_with_its_reason_and_code() -> None:
    last = told(make_run(status="failed", error_category="timeout", error_code="deadline",
                         error_message="The deadline passed."))[-1]  # fmt: skip
    assert (last.title, last.tone) == ("Failed: Timeout", "bad")
    assert (last.notes, last.facts) == (("The deadline passed.",), (("Code", "deadline"),))


def test_secrets_are_taken_out_of_everything_that_is_told() -> None:
    run = make_run(
        status="failed", error_message=f"It said {SECRET}", queued_at=BEGAN,
        trace=[line("source", 1, 5, SECRET), line("deliver", 2, 5, SECRET)],
        dialogue=[{"answer": SECRET, "complaints": [SECRET]}], verdicts=[verdict("output", 0)],
    )  # fmt: skip
    attempt(run, 1, 1, 5, error_message=SECRET)
    make_delivery(run, make_destination(run.automation), state="failed", error_message=SECRET)
    events = told(run)
    assert "[redacted]" in repr(events)
    assert SECRET not in repr(events)


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_really_made_is_told(answering: FakeProvider) -> None:
    live = make_live()
    http_destination(live.automation, answering, "blog")
    run = claim_once(make_run(live, input_data={"content": LONG_TEXT}))
    assert run.status == "success", run.error_message
    events = told(run)
    kinds = [event.kind for event in events if event.kind != WAIT]
    assert kinds == ["start", "check", "model", "check", "delivery", "end"]
    assert events == sorted(events, key=lambda event: event.at)
    assert [share.kind for share in lane(events).shares if share.kind == "model"] == ["model"]


# --- the lane ------------------------------------------------------------------------------


def timed(kind: str, at_s: float, ms: int, **values: Any) -> Event:
    return Event(kind, "", after(at_s), ms, **values)


def test_bars_lie_side_by_side_and_fill_the_line() -> None:
    drawn = lane([timed(SOURCE, 0, 1000), timed(MODEL, 1, 3000), timed(CHECK, 4, 0)]).bars
    assert [bar.kind for bar in drawn] == ["source", "model", "check"]
    assert drawn[0].x == 0
    assert drawn[1].x == pytest.approx(drawn[0].width, abs=0.2)
    assert sum(bar.width for bar in drawn) == pytest.approx(WIDTH, abs=1)
    assert drawn[1].width > 2.5 * drawn[0].width > 10 * drawn[2].width > 0


def test_a_wait_of_days_is_cut_and_the_work_stays_visible() -> None:
    days = 3 * 86_400
    line = lane(
        [timed(MODEL, 0, 1000), timed(WAIT, 1, days * 1000), timed(DELIVERY, 1 + days, 500)]
    )
    assert [bar.is_cut for bar in line.bars] == [False, True, False]
    assert line.bars[0].width > 400
    assert line.is_cut
    assert line.ms == days * 1000 + 1500


def test_what_overlaps_is_counted_once() -> None:
    line = lane([timed(MODEL, 0, 1000), timed(MODEL, 0.5, 1000)])
    assert [(share.kind, share.ms) for share in line.shares] == [("model", 1500)]


def test_a_failure_is_marked_and_nothing_at_all_draws_nothing() -> None:
    assert lane([timed(MODEL, 0, 10, tone="bad")]).bars[0].is_bad
    assert lane([Event("start", "", BEGAN)]).bars == []


def test_cancelling_is_told_with_who_asked(operator: Any) -> None:
    run = make_run()
    services.cancel_run(run, by=operator)
    audit = list(AuditEvent.objects.filter(object_type="run"))
    titles = [event.title for event in told(run, audit=audit)]
    assert "Cancelling was asked for by operator" in titles
    assert titles[-1] == "Cancelled"
