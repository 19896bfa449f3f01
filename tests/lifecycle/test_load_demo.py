"""The demo portfolio: complete, valid, marked as sample, and loaded only once."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from automations import services
from automations.models import Attempt, Automation, Delivery, Run, Version
from lifecycle import checklists, elput
from lifecycle.demo import sampling
from lifecycle.demo.loading import ARTICLE
from lifecycle.demo.outcomes import OUTCOMES
from lifecycle.demo.portfolio import PORTFOLIO
from lifecycle.demo.story import STORIES
from lifecycle.models import (
    Criterion,
    Decision,
    Effort,
    FailureMode,
    ProfitPeriod,
    Promotion,
    Prototype,
    Scorecard,
)
from monitoring.models import Review

pytestmark = pytest.mark.django_db
SAMPLES: tuple[Any, ...] = (
    Run, Review, Scorecard, Decision, Effort, FailureMode, ProfitPeriod, Promotion, Prototype,
)  # fmt: skip


def load(*arguments: str) -> str:
    out = StringIO()
    call_command("load_demo", *arguments, stdout=out)
    return out.getvalue()


def counts() -> dict[str, int]:
    rows = (*SAMPLES, Automation, Version, Criterion, Attempt, Delivery)
    return {model.__name__: model.objects.count() for model in rows}


# --- the automations -----------------------------------------------------------------------


def test_the_demo_can_run_at_once() -> None:
    load()
    assert Automation.objects.count() == len(PORTFOLIO) == 5
    for automation in Automation.objects.exclude(stage="idea"):
        assert automation.live_version is not None
        assert automation.live_version.is_published
        automation.full_clean()
        automation.live_version.full_clean()
        assert not automation.is_sample


def test_loading_again_changes_nothing() -> None:
    load()
    before, rows = list(Version.objects.order_by("pk").values()), counts()
    assert "already" in load()
    assert list(Version.objects.order_by("pk").values()) == before
    assert counts() == rows


def test_loading_again_is_quick() -> None:
    load()
    with CaptureQueriesContext(connection) as captured:
        load()
    assert len(captured) < 80


def test_one_demo_automation_answers_in_json() -> None:
    load()
    schema = Automation.objects.get(slug="ticket_classifier").live_version.output_schema  # type: ignore[union-attr]
    assert schema is not None
    assert schema["properties"]["label"]["enum"]


def test_the_login_works_and_each_loading_makes_a_new_password() -> None:
    first, second = load("--login"), load("--login")
    password = second.split("Password: ")[1].strip()
    assert first.split("Password: ")[1] != password
    user = User.objects.get(username="demo")
    assert user.check_password(password)
    assert user.is_superuser


def test_the_demo_person_owns_what_nobody_owns() -> None:
    load("--login")
    assert {a.owner.get_username() for a in Automation.objects.all() if a.owner} == {"demo"}
    Automation.objects.filter(slug="meeting_notes").update(owner=None)
    load("--login")
    assert Automation.objects.get(slug="meeting_notes").owner is None


def test_the_shipped_article_passes_the_published_input_check() -> None:
    assert 100 <= len(ARTICLE.read_text(encoding="utf-8")) <= 50_000


# --- what was decided ----------------------------------------------------------------------


def test_the_articles_own_scorecard_is_there() -> None:
    load()
    card = Scorecard.objects.get(automation__slug="content_repurposer")
    assert list(card.values.values()) == [7, 3, 2, 9, 9]
    assert (card.elput_score, card.adjusted_score) == (Decimal("6.0"), Decimal("8.4"))
    assert card.actual_profit_usd == 2400
    assert set(card.reasons) == set(elput.KEYS)
    period = ProfitPeriod.objects.get(automation__slug="content_repurposer")
    assert (period.ends_on - period.starts_on).days == 6
    assert period.gross_usd == Decimal(2400)
    assert [period.hours_saved, period.hour_rate_usd] == [Decimal(10), Decimal(240)]
    assert period.model_cost_usd > 0
    assert period.review_seconds > 0


def test_every_decision_fits_its_band_or_says_why_not() -> None:
    load()
    assert set(Decision.objects.values_list("verdict", flat=True)) == {"build", "prototype", "skip"}
    for decision in Decision.objects.select_related("scorecard"):
        assert decision.band == decision.scorecard.verdict
        assert decision.reason or not decision.overrules
    skipped = Decision.objects.get(verdict="skip").scorecard
    assert skipped.elput_score < 6


def test_the_portfolio_stands_in_several_phases() -> None:
    load()
    phases = {}
    for automation in Automation.objects.all():
        view = checklists.current(automation)
        phases[automation.slug] = view.current.phase.number if view.current else 8
    assert phases["clause_negotiator"] == 1
    assert phases["meeting_notes"] == 2
    assert phases["content_repurposer"] == 3
    assert phases["ticket_classifier"] == 3


def test_one_prototype_is_under_way() -> None:
    load()
    prototype = Prototype.objects.get(decided_at=None)
    assert prototype.automation.slug == "meeting_notes"
    assert prototype.due_at > timezone.now()


# --- the history ---------------------------------------------------------------------------


def test_everything_that_was_not_done_here_is_marked() -> None:
    load()
    for model in SAMPLES:
        assert model.objects.exists(), model
        assert not model.objects.filter(is_sample=False).exists(), model
    assert not User.objects.exists()


def test_sample_history_proves_nothing_from_phase_4_on() -> None:
    load()
    for automation in Automation.objects.exclude(stage="idea"):
        view = checklists.current(automation)
        for box in (box for phase in view.phases[3:6] for box in phase.boxes):
            assert box.box.number == 13 or not box.is_satisfied, (automation, box)


def test_the_history_is_the_same_everywhere() -> None:
    load()
    columns = ("automation_id", "status", "error_code", "input_tokens", "cost_usd", "calls")
    first = list(Run.objects.order_by("pk").values_list(*columns))
    load("--remove-history")
    load()
    assert list(Run.objects.order_by("pk").values_list(*columns)) == first


def test_no_sample_run_is_in_the_future_or_out_of_order() -> None:
    load()
    last = None
    for run in Run.objects.order_by("pk"):
        assert run.completed_at and run.started_at  # noqa: PT018
        assert run.queued_at <= run.started_at <= run.completed_at <= timezone.now()
        assert last is None or run.queued_at >= last
        last = run.queued_at
    assert not Review.objects.filter(at__gt=timezone.now()).exists()


def test_sample_runs_end_as_planned() -> None:
    load()
    for slug, story in STORIES.items():
        if story.plan is None:
            continue
        mine = Run.objects.filter(automation__slug=slug)
        assert mine.count() == sum(story.plan.outcomes.values())
        failing = [n for name, n in story.plan.outcomes.items() if not OUTCOMES[name].succeeds]
        assert mine.filter(status="failed").count() == sum(failing)
        assert mine.filter(reviews__isnull=False).count() == story.plan.reviewed
        useful = Review.objects.filter(automation__slug=slug).useful()
        assert useful.count() == story.plan.useful
        assert (
            mine.filter(deliveries__isnull=False).count() == mine.filter(status="success").count()
        )


def test_each_call_of_a_sample_run_is_written_down() -> None:
    load()
    for run in Run.objects.prefetch_related("attempts"):
        attempts = list(run.attempts.all())
        assert len(attempts) == run.calls
        assert run.cost_usd == sum((a.cost_usd or 0 for a in attempts), Decimal(0))
        assert run.input_tokens == sum(a.input_tokens or 0 for a in attempts)


@pytest.mark.parametrize("status", ["success", "failed"])
def test_the_pages_of_sample_runs_can_be_read(status: str, client: Client, superuser: User) -> None:
    load()
    client.force_login(superuser)
    codes = Run.objects.filter(status=status).order_by().values_list("error_code", "calls")
    for code, calls in set(codes):
        run = Run.objects.filter(status=status, error_code=code, calls=calls).latest("pk")
        for name in ("run", "run_trace"):
            assert client.get(reverse(name, args=[run.pk])).status_code == 200
        assert "Made for the demo" in client.get(run.get_absolute_url()).content.decode()


def test_accepted_sample_outputs_pass_the_checks_of_their_version() -> None:
    """What the history calls fine is fine: by the schema and the length of the real checks."""
    from automations import schemas
    from lifecycle.demo.texts import SAMPLES as TEXTS

    load()
    for slug, samples in TEXTS.items():
        version = Automation.objects.get(slug=slug).live_version
        assert version is not None
        rules = {
            rule.direction: rule.settings for rule in version.validator_rules.filter(kind="length")
        }
        for sample in samples:
            assert schemas.errors_in(sample.answer, version.output_schema or {}) == []
            text = " ".join(sample.input.values())
            assert len(text.strip()) >= rules["input"]["min_stripped"]


# --- older installations, and the way back -------------------------------------------------


def test_an_installation_with_the_old_demo_gets_what_is_missing() -> None:
    load()
    load("--remove-history")
    Automation.objects.filter(slug__in=["meeting_notes", "clause_negotiator"]).update(
        live_version=None
    )
    Version.objects.filter(automation__slug="meeting_notes").delete()
    Criterion.objects.all().delete()
    Automation.objects.filter(slug__in=["meeting_notes", "clause_negotiator"]).delete()
    said = load()
    assert "Made meeting_notes, clause_negotiator" in said
    assert Run.objects.filter(automation__slug="content_repurposer").count() == 200


def test_what_people_wrote_is_left_alone() -> None:
    load("--login")
    load("--remove-history")
    content = Automation.objects.get(slug="content_repurposer")
    own = Scorecard.objects.create(
        automation=content, elput_score=5, **dict.fromkeys(elput.KEYS, 5)
    )
    load()
    assert list(Scorecard.objects.filter(automation=content)) == [own]
    load("--remove-history")
    assert list(Scorecard.objects.filter(automation=content)) == [own]


def test_the_history_is_of_the_demos_own_version_not_of_a_persons(superuser: User) -> None:
    load()
    load("--remove-history")
    content = Automation.objects.get(slug="content_repurposer")
    first = content.versions.get()
    draft = services.create_draft(content, by=superuser, source=first)
    own = services.publish_version(draft, by=superuser)
    services.make_live(own, by=superuser)
    load()
    assert Version.objects.get(pk=own.pk).published_at == own.published_at
    runs = Run.objects.filter(automation=content)
    assert set(runs.values_list("version", flat=True)) == {first.pk}
    assert not Promotion.objects.filter(to_version=own, is_sample=True).exists()


def test_without_the_demos_version_there_is_no_history() -> None:
    load()
    load("--remove-history")
    mine = Version.objects.filter(automation__slug="content_repurposer")
    mine.update(user_prompt="Mine.", published_at=timezone.now())
    before = mine.get().published_at
    load()
    assert not Run.objects.filter(automation__slug="content_repurposer").exists()
    assert mine.get().published_at == before


def test_a_prototype_begins_with_its_first_run() -> None:
    load()
    for prototype in Prototype.objects.select_related("started_by_run"):
        first = Run.objects.filter(automation=prototype.automation).earliest("queued_at")
        assert prototype.started_by_run == first
        assert prototype.started_at == first.queued_at


def test_criteria_go_with_the_history_unless_they_are_somebodys(superuser: User) -> None:
    load()
    content = Criterion.objects.filter(automation__slug="content_repurposer")
    kept = [row.pk for row in content[:2]]
    Criterion.objects.filter(pk=kept[0]).update(created_by=superuser)
    Criterion.objects.filter(pk=kept[1]).update(number=7, changed_at=timezone.now())
    load("--remove-history")
    assert sorted(Criterion.objects.values_list("pk", flat=True)) == sorted(kept)


def test_sample_promotions_are_marked(client: Client, superuser: User) -> None:
    load()
    client.force_login(superuser)
    page = client.get(reverse("promotions", args=["content_repurposer"])).content.decode()
    assert page.count(">sample</small>") == 3
    moved = Promotion.objects.filter(automation__slug="content_repurposer").latest("pk")
    assert "Sample data" in client.get(moved.get_absolute_url()).content.decode()


def test_the_history_can_be_removed() -> None:
    load()
    real = Run.objects.create(
        automation_id="content_repurposer", status="success", completed_at=timezone.now()
    )
    assert "Removed 497 sample runs" in load("--remove-history")
    assert list(Run.objects.all()) == [real]
    for model in SAMPLES[1:]:
        assert not model.objects.exists(), model
    assert sampling.remove() == 0


def test_sample_runs_are_marked_in_lists(client: Client, superuser: User) -> None:
    load()
    client.force_login(superuser)
    shown = client.get(reverse("runs")).content.decode()
    assert shown.count("· sample</span>") >= 20
