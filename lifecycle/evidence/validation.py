"""The boxes of phase 1."""

from __future__ import annotations

from datetime import datetime, timedelta

from automations.models import Automation, Run
from lifecycle import elput
from lifecycle.evidence.base import (
    SAMPLE,
    Evidence,
    Link,
    counted,
    dated,
    met,
    not_met,
    sentences,
    to,
)
from lifecycle.evidence.subject import Subject
from lifecycle.models import Criterion, Decision, Prototype, Scorecard

SCORECARD_LASTS = timedelta(days=180)
MOST_TOLD = 1_000  # runs that are counted
BUILDS = (Decision.Verdict.BUILD, Decision.Verdict.PROTOTYPE)


def score(subject: Subject) -> Evidence:
    """Box 1: there is a current scorecard; in production it is at most 180 days old."""
    card = subject.scorecard
    again = to("Score it", "scorecard_new", subject.slug)
    if card is None:
        return not_met("There is no scorecard yet.", step=again)
    in_production = subject.automation.stage == Automation.Stage.PRODUCTION
    if in_production and card.date < subject.today - SCORECARD_LASTS:
        why = f"The scorecard is of {dated(card.date)}: in production it holds for 180 days."
        return not_met(why, _card_link(card), step=again)
    verdict = elput.VERDICTS[card.verdict]
    scored = f"ELPUT {card.elput_score:.1f} on {dated(card.date)}: {verdict}."
    return met(sentences(scored, _without_reasons(card), _remark(card)), _card_link(card))


def _without_reasons(card: Scorecard) -> str:
    given = card.reasons if isinstance(card.reasons, dict) else {}
    missing = [factor.label for factor in elput.FACTORS if not given.get(factor.key)]
    return f"No reason is written for {counted(len(missing), 'factor')}." if missing else ""


def decision(subject: Subject) -> Evidence:
    """Box 2: somebody has decided to build or to prototype, on the current scorecard."""
    card = subject.scorecard
    if card is None:
        step = to("Score it", "scorecard_new", subject.slug)
        return not_met("There is nothing to decide on: no scorecard yet.", step=step)
    made, link = subject.decision, _card_link(card)
    if made is None:
        return not_met(_undecided(subject, card), link, step=Link("Decide", link.url))
    verdict, when = made.get_verdict_display(), dated(made.decided_at)
    if made.decided_by is None and not made.is_sample:
        why = f"The decision “{verdict}” of {when} names nobody who made it."
        return not_met(why, link, step=Link("Decide again", link.url))
    by = f" by {made.decided_by}" if made.decided_by else ""
    said = f"Decided{by} on {when}: {verdict}"
    if made.verdict not in BUILDS:
        why = f"{said}, so it is not to be built."
        return not_met(why, link, step=to("Score it again", "scorecard_new", subject.slug))
    against = " against its score" if made.overrules else ""
    return met(sentences(f"{said}{against}.", _remark(made)), link)


def _undecided(subject: Subject, card: Scorecard) -> str:
    earlier = Decision.objects.filter(scorecard__automation=subject.automation)
    last = earlier.order_by("-pk").first()
    if last is None:
        return f"Nobody has decided on the scorecard of {dated(card.date)}."
    return (
        f"The scorecard of {dated(card.date)} is new: “{last.get_verdict_display()}” of "
        f"{dated(last.decided_at)} was decided on another one."
    )


def criteria(subject: Subject) -> Evidence:
    """Box 3: a success criterion is from before the first prototype run.

    A prototype that is started anew counts from its own start: whoever forgot can make it good.
    """
    page = to("Success criteria", "criteria", subject.slug)
    found = subject.criteria
    if not found:
        step = Link("Write a success criterion", page.url)
        return not_met("No success criterion is written yet.", step=step)
    prototype = Prototype.objects.filter(automation=subject.automation).order_by("-pk").first()
    begun = prototype.started_at if prototype else _first_run_at(subject)
    early = [one for one in found if begun is None or _written_at(one) <= begun]
    if early:
        late = _runs_before(subject, min(_written_at(one) for one in early))
        return met(sentences(_named(early, begun), late, _flagged(found, prototype)), page)
    assert begun is not None  # noqa: S101  narrows: otherwise all are early
    first = min(found, key=_written_at)
    why = (
        f"The first success criterion is of {dated(_written_at(first))}"
        f"{', when it was changed,' if first.changed_at else ','} after the prototype had begun "
        f"on {dated(begun)}."
    )
    return not_met(why, page, step=to("Start a new prototype", "prototype", subject.slug))


def _written_at(criterion: Criterion) -> datetime:
    """Return when a criterion became what it is: an aim that was changed is of the change."""
    return max(criterion.created_at, criterion.changed_at or criterion.created_at)


def _runs_before(subject: Subject, moment: datetime) -> str:
    """Say how many runs had been made when the first criterion was written."""
    mine = Run.objects.filter(automation_id=subject.slug, is_simulated=False).order_by("id")
    made = len(mine.filter(queued_at__lt=moment).values_list("pk")[:MOST_TOLD])
    if not made:
        return ""
    more = " or more" if made == MOST_TOLD else ""
    return f"It was written after {counted(made, 'run')}{more} had been made."


def _first_run_at(subject: Subject) -> datetime | None:
    mine = Run.objects.filter(automation_id=subject.slug, is_simulated=False).order_by("id")
    return mine.values_list("queued_at", flat=True).first()


def _named(early: list[Criterion], begun: datetime | None) -> str:
    named = f"{counted(len(early), 'success criterion')}".replace("criterions", "criteria")
    when = f"from before the prototype began on {dated(begun)}" if begun else "and no run yet"
    more = f"; and {len(early) - 3} more" if early[3:] else ""
    return f"{named} {when}: {'; '.join(str(one) for one in early[:3])}{more}."


def _flagged(found: list[Criterion], prototype: Prototype | None) -> str:
    if prototype is None or prototype.decided_at is None:
        return ""
    late = [one for one in found if one.changed_at and one.changed_at > prototype.decided_at]
    if not late:
        return ""
    were = "was" if len(late) == 1 else "were"
    return f"{len(late)} {were} changed after the verdict of {dated(prototype.decided_at)}."


def _card_link(card: Scorecard) -> Link:
    return Link(f"Scorecard of {dated(card.date)}", card.get_absolute_url())


def _remark(row: Scorecard | Decision) -> str:
    return SAMPLE if row.is_sample else ""
