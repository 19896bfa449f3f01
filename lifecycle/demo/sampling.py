"""Sample rows of the demo: what was decided, tried, found, spent, and a history of runs.

Each kind of row is made only where an automation has none of it, so that loading again, or after
an upgrade, adds what is missing and touches nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from automations.audit import record
from automations.models import Automation, Run, Version
from automations.services import SYSTEM
from lifecycle import elput, profit
from lifecycle.demo import history
from lifecycle.demo.portfolio import PORTFOLIO
from lifecycle.demo.story import STORIES, Card, Story, Trial
from lifecycle.demo.texts import SAMPLES
from lifecycle.models import (
    Criterion,
    Decision,
    Effort,
    FailureMode,
    ProfitPeriod,
    Promotion,
    Prototype,
    Scorecard,
    Team,
)
from monitoring.models import Review

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
RECIPES = {demo.slug: demo.version for demo in PORTFOLIO}
TEXTS = ("note", "system_prompt", "user_prompt")  # they tell a recipe from any other


def add_missing(automations: Iterable[Automation], *, now: datetime) -> list[Automation]:
    """Add the sample rows that these demo automations lack; return those that got some."""
    known = [automation for automation in automations if automation.slug in STORIES]
    with transaction.atomic():
        counts = {automation.pk: _decide(automation, now) for automation in known}
        told = [run for automation in known for run in _history(automation, now)]
        history.store(told)
        for automation in known:
            counts[automation.pk] += sum(one.run.automation_id == automation.slug for one in told)
            counts[automation.pk] += _conclude(automation, now)
        changed = [automation for automation in known if counts[automation.pk]]
        for automation in changed:
            after = {"rows": counts[automation.pk]}
            record("load sample history", automation, by=SYSTEM, after=after)
    return changed


def _decide(automation: Automation, now: datetime) -> int:
    """Add what came before the first run: scorecard, decision, criteria."""
    story = STORIES[automation.slug]
    made = _score(automation, story.card, now)
    if not Criterion.objects.filter(automation=automation).exists():
        at = now - story.card.days_ago * DAY
        rows = [
            Criterion(automation=automation, metric=m, operator=o, number=Decimal(n), created_at=at)
            for m, o, n in story.criteria
        ]
        made += len(Criterion.objects.bulk_create(rows))
    return made


def _score(automation: Automation, card: Card, now: datetime) -> int:
    if Scorecard.objects.filter(automation=automation).exists():
        return 0
    at = now - card.days_ago * DAY
    values = dict(zip(elput.KEYS, card.values, strict=True))
    scorecard = Scorecard.objects.create(
        automation=automation,
        date=timezone.localdate(at),
        elput_score=elput.score(values, elput.EQUAL),
        actual_profit_usd=card.actual_profit_usd,
        reasons=dict(zip(elput.KEYS, card.reasons, strict=True)),
        answers={key: {"answer": said, "note": ""} for key, said in card.answers.items()},
        is_sample=True,
        **values,
    )
    band = scorecard.verdict
    Decision.objects.create(
        scorecard=scorecard,
        verdict=card.decided,
        band=band,
        overrules=card.decided != band,
        reason=card.why,
        decided_at=at + HOUR,
        is_sample=True,
    )
    return 2


def _history(automation: Automation, now: datetime) -> list[history.Told]:
    plan, version = STORIES[automation.slug].plan, _own_version(automation)
    mine = Run.objects.filter(automation=automation, is_sample=True)
    if plan is None or version is None or mine.exists():
        return []
    begun = now - (plan.hours + 2) * HOUR
    # A sample run is of a version that was there: the demo's first one.
    Version.objects.filter(pk=version.pk, published_at__gt=begun).update(published_at=begun)
    cast = history.Cast(
        automation=automation,
        version=version,
        destination=automation.destinations.order_by("pk").first(),
        samples=SAMPLES[automation.slug],
    )
    return history.tell(cast, plan, now=now)


def _own_version(automation: Automation) -> Version | None:
    """Return the version that loading made, published; None where it is somebody's own."""
    recipe = RECIPES[automation.slug]
    if not recipe:
        return None
    mine = automation.versions.published().filter(number=1, created_by=None, published_by=None)
    return mine.filter(**{name: recipe[name] for name in TEXTS if name in recipe}).first()


def _conclude(automation: Automation, now: datetime) -> int:
    """Add what came of the runs: prototype, failure modes, promotions, effort, money."""
    story = STORIES[automation.slug]
    return sum(
        (
            _try(automation, story.trial, now),
            _find(automation, story, now),
            _promote(automation, story, now),
            _spend(automation, story, now),
            _earn(automation, story, now),
        )
    )


def _try(automation: Automation, trial: Trial | None, now: datetime) -> int:
    if trial is None or Prototype.objects.filter(automation=automation).exists():
        return 0
    began = now - trial.began_hours_ago * HOUR
    first = _first_run(automation, began)
    began = first.queued_at if first else began
    ended = trial.decided_after_h and began + trial.decided_after_h * HOUR
    Prototype.objects.create(
        automation=automation,
        started_at=began,
        due_at=began + Prototype.LASTS,
        started_by_run=first,
        verdict=trial.verdict,
        suggested=trial.verdict,
        reason=trial.reason,
        decided_at=ended or None,
        is_sample=True,
    )
    return 1


def _first_run(automation: Automation, began: datetime) -> Run | None:
    """Return the oldest sample run of a prototype's three days: the one that begins its clock."""
    days = (began, began + Prototype.LASTS)
    runs = Run.objects.filter(automation=automation, is_sample=True, queued_at__range=days)
    return runs.order_by("queued_at").first()


def _find(automation: Automation, story: Story, now: datetime) -> int:
    if FailureMode.objects.filter(automation=automation).exists():
        return 0
    rows = [
        FailureMode(
            automation=automation,
            title=mode.title,
            response=mode.response,
            error_category=mode.category,
            error_code=mode.code,
            review_reason=mode.review_reason,
            written_at=now - (10 + 4 * number) * DAY,
            is_sample=True,
        )
        for number, mode in enumerate(story.modes)
    ]
    return len(FailureMode.objects.bulk_create(rows))


def _promote(automation: Automation, story: Story, now: datetime) -> int:
    """Add the moves that its stage tells of; one that people moved has its own."""
    if story.trial is None or Promotion.objects.filter(automation=automation).exists():
        return 0
    rows = list(_moves(automation, story, story.trial, now))
    return len(Promotion.objects.bulk_create(rows))


def _moves(
    automation: Automation, story: Story, trial: Trial, now: datetime
) -> Iterator[Promotion]:
    stage, kind = Automation.Stage, Promotion.Kind
    begun = now - (trial.began_hours_ago + 1) * HOUR
    sample = Promotion(automation=automation, is_sample=True)
    if automation.stage not in (stage.PROTOTYPE, stage.PRODUCTION):
        return
    yield _at(sample, begun, kind=kind.STAGE, from_stage=stage.IDEA, to_stage=stage.PROTOTYPE)
    version = _own_version(automation)
    if version:
        yield _at(sample, begun, kind=kind.LIVE, to_version=version)
    if automation.stage == stage.PRODUCTION and story.in_production_days:
        moved = now - story.in_production_days * DAY
        stages = {"from_stage": stage.PROTOTYPE, "to_stage": stage.PRODUCTION}
        yield _at(sample, moved, kind=kind.STAGE, **stages)


def _at(sample: Promotion, at: datetime, **values: object) -> Promotion:
    row = Promotion(automation=sample.automation, is_sample=True, asked_at=at, decided_at=at)
    for name, value in values.items():
        setattr(row, name, value)
    return row


def _spend(automation: Automation, story: Story, now: datetime) -> int:
    if Effort.objects.filter(automation=automation).exists():
        return 0
    rows = [
        Effort(
            automation=automation,
            phase=phase,
            on=timezone.localdate(now - days * DAY),
            hours=Decimal(hours),
            created_at=now - days * DAY,
            is_sample=True,
        )
        for phase, days, hours in story.effort
    ]
    return len(Effort.objects.bulk_create(rows))


def _earn(automation: Automation, story: Story, now: datetime) -> int:
    if ProfitPeriod.objects.filter(automation=automation).exists():
        return 0
    rate = Team.current().review_rate_usd
    for period in story.periods:
        row = ProfitPeriod(
            automation=automation,
            starts_on=timezone.localdate(now - period.first * DAY),
            ends_on=timezone.localdate(now - period.last * DAY),
            kind=ProfitPeriod.Kind.SAVING,
            hours_saved=period.hours,
            hour_rate_usd=period.rate,
            gross_usd=period.hours * period.rate,
            review_rate_usd=rate,
            measured_at=now,
            is_sample=True,
        )
        costs = profit.measured(row)
        row.model_cost_usd, row.unpriced_runs = costs.model_cost_usd, costs.unpriced_runs
        row.review_seconds = costs.review_seconds
        row.save()
    return len(story.periods)


def remove() -> int:
    """Remove every sample row that nothing of people's own hangs on; return how many runs went."""
    with transaction.atomic():
        for model in (Review, Promotion, Prototype, FailureMode, Effort, ProfitPeriod, Decision):
            model.objects.filter(is_sample=True).delete()
        Scorecard.objects.filter(is_sample=True, decisions=None, simplified=None).delete()
        for slug, story in STORIES.items():
            _criteria_of(slug, story).delete()
        runs = Run.objects.filter(is_sample=True)
        slugs = set(runs.order_by().values_list("automation_id", flat=True).distinct())
        gone = runs.count()
        runs.delete()
        for automation in Automation.objects.filter(slug__in=slugs):
            record("remove sample history", automation, by=SYSTEM)
    return gone


def _criteria_of(slug: str, story: Story) -> QuerySet[Criterion]:
    """Return an automation's criteria that are as the demo made them, by nobody."""
    told = Q(pk__in=[])
    for metric, operator, number in story.criteria:
        told |= Q(metric=metric, operator=operator, number=Decimal(number))
    return Criterion.objects.filter(
        told, automation__slug=slug, created_by=None, changed_at=None, note=""
    )
