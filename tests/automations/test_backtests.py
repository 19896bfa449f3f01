"""Trying a check on past runs: which rows count, what it sees of them, when it stops."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from django import forms
from django.test.utils import CaptureQueriesContext

from automations import backtests
from automations.backtests import back_test
from automations.engine.outputs import make_output
from automations.engine.recipes import load
from automations.models import Run
from automations.validators import Subject, Validator, Verdict, registry
from tests.makers import LONG_TEXT, make_automation, make_live, make_run

pytestmark = pytest.mark.django_db

SHORT = {"min_stripped": 0, "max_raw": 10}
LONG = {"min_stripped": 5, "max_raw": 10_000}


def make_success(version: Any, text: str = "A fine post.", **values: Any) -> Run:
    defaults = {"status": "success", "step": "deliver", "output_data": {"text": text}}
    return make_run(version, **{**defaults, **values})


def test_it_counts_and_lists_what_it_would_have_failed() -> None:
    live = make_live()
    good = make_success(live, "Short.")
    bad = [make_success(live, "This is longer than ten.") for _ in range(2)]
    tried = back_test(live.automation, "output", "length", SHORT)
    assert [refusal.run_id for refusal in tried.failed] == [bad[1].pk, bad[0].pk]
    assert good.pk not in {refusal.run_id for refusal in tried.failed}
    assert tried.sentence == "It would have failed 2 of the last 3 successful outputs."
    assert tried.failed[0].message == "24 characters; at most 10 allowed"
    assert tried.failed[0].start == "This is longer than ten."


def test_only_real_successes_of_this_automation_count() -> None:
    live = make_live()
    text = "This is longer than ten."
    make_success(live, text, is_simulated=True)
    make_success(live, text, is_sample=True)
    make_run(live, status="failed", output_data={"text": text})
    make_success(make_live(make_automation("other")), text)
    tried = back_test(live.automation, "output", "length", SHORT)
    assert (tried.found, tried.tested, tried.failed) == (0, 0, [])
    assert tried.sentence == "There are no successful outputs yet to try it on."
    assert tried.is_harmless


def test_it_takes_the_newest_ones() -> None:
    live = make_live()
    oldest = make_success(live, "This is longer than ten.")
    newer = [make_success(live, "Short.") for _ in range(3)]
    tried = back_test(live.automation, "output", "length", SHORT, limit=3)
    assert (tried.tested, tried.failed) == (len(newer), [])
    assert oldest.pk in {
        r.run_id for r in back_test(live.automation, "output", "length", SHORT, limit=4).failed
    }


def test_an_input_check_is_tried_on_every_real_input() -> None:
    live = make_live()
    make_run(live, status="failed", input_data={"content": "x" * 30})
    make_run(live, status="success", input_data={"content": "y" * 5})
    make_run(live, input_data={})  # its source was never read
    tried = back_test(live.automation, "input", "length", SHORT)
    assert tried.sentence == "It would have failed 1 of the last 2 inputs."
    assert tried.failed[0].status == "failed"


def test_it_stops_at_its_time_and_says_how_far_it_came() -> None:
    live = make_live()
    for _ in range(5):
        make_success(live)
    clock = iter([0.0, 1.0, 2.0, 99.0])
    tried = back_test(
        live.automation, "output", "length", SHORT, allowed_s=10, clock=lambda: next(clock)
    )
    assert (tried.tested, tried.found) == (2, 5)
    assert tried.sentence.endswith("Tested 2 of 5 in the time allowed.")
    assert not tried.is_harmless


def test_no_time_at_all_is_said_and_is_no_pass() -> None:
    live = make_live()
    make_success(live)
    tried = back_test(live.automation, "output", "length", SHORT, allowed_s=0)
    assert "None of the last 1 successful outputs could be tested" in tried.sentence
    assert not tried.is_harmless


class Probe(Validator):
    """A kind that keeps what it was shown, and warns of it."""

    kind, label, help = "probe", "Probe", "Looks."
    directions = frozenset({"input", "output"})
    settings_form = forms.Form
    seen: ClassVar[list[Subject]] = []

    def check(self, subject: Subject) -> Verdict:
        self.seen.append(subject)
        return Verdict(passed=True, message="Seen.", code="ok", warning="A name is new.")


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> list[Subject]:
    """Make the kind known for a test, and return what it will have seen."""
    monkeypatch.setitem(registry._classes, "probe", Probe)
    monkeypatch.setattr(Probe, "seen", [])
    return Probe.seen


def test_a_warning_fails_nothing_but_is_counted(probe: list[Subject]) -> None:
    live = make_live()
    make_success(live)
    tried = back_test(live.automation, "output", "probe", {})
    assert (tried.warned, tried.failed) == (1, [])
    assert "warned of 1" in tried.sentence


SCHEMA = {
    "type": "object",
    "properties": {"hook": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["hook", "n"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("recipe", "answer"),
    [
        ({}, "A plain answer with 7 words in it."),
        ({"output_schema": SCHEMA}, '{"hook": "Hi", "n": 3}'),
        (
            {"output_schema": SCHEMA, "output_template": "{{ hook }}, {{ n }} times"},
            '{"hook": "Hi", "n": 3}',
        ),
    ],
)
def test_a_check_sees_what_it_saw_when_the_run_was_at_work(
    recipe: dict[str, Any], answer: str, probe: list[Subject]
) -> None:
    rules: list[tuple[str, str, dict[str, Any]]] = [("output", "probe", {})]
    live = make_live(
        system_prompt="Be brief.", user_prompt="On {{ content }}", rules=rules, **recipe
    )
    made = make_output(answer, load(live.pk), input_text=LONG_TEXT, turn=0)
    make_success(live, output_data=made.data)
    back_test(live.automation, "output", "probe", {})
    at_work, tried = probe
    # jsonb keeps an object's keys in an order of its own; the rest is the same to the letter.
    same_text = tried.text == at_work.text or json.loads(tried.text) == json.loads(at_work.text)
    assert same_text
    assert replace(tried, text="") == replace(at_work, text="")
    assert "Be brief." in tried.instructions
    assert tried.input_text == LONG_TEXT


def test_each_output_is_judged_by_its_own_versions_instructions(probe: list[Subject]) -> None:
    old = make_live(system_prompt="The old way.")
    make_success(old)
    make_success(make_live(old.automation, system_prompt="The new way."))
    back_test(old.automation, "output", "probe", {})
    newest, oldest = (subject.instructions for subject in probe)
    assert newest.startswith("The new way.")
    assert oldest.startswith("The old way.")


def test_it_reads_few_rows_at_a_time(django_assert_max_num_queries: Any) -> None:
    live = make_live()
    for _ in range(backtests.CHUNK + 1):
        make_success(live)
    context: CaptureQueriesContext
    with django_assert_max_num_queries(3) as context:
        tried = back_test(live.automation, "output", "length", LONG)
    assert tried.tested == backtests.CHUNK + 1
    assert not any('"trace"' in query["sql"] for query in context.captured_queries)
