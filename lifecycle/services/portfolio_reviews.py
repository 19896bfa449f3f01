"""Verbs on the monthly portfolio review: open, compute again, decide, close."""

from __future__ import annotations

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from automations.audit import SYSTEM, Actor, record
from automations.errors import WrongState
from automations.models import Automation
from automations.services import require
from automations.text import clean_text
from lifecycle import portfolio_reviewing as reviewing
from lifecycle.models import PortfolioDecision, PortfolioReview
from lifecycle.models.portfolio import CLOSED
from lifecycle.portfolio_figures import Figures, figures_of, last_day
from lifecycle.portfolio_reviewing import BY, CLOSED_BY, Followed
from lifecycle.portfolio_suggesting import suggest

OPEN = "lifecycle.add_portfolioreview"
DECIDE = "lifecycle.change_portfolioreview"
MOST_CHARACTERS = 2_000


def open_review(month: date, *, by: Actor) -> PortfolioReview:
    """Open the review of the month that begins on `month` and compute its figures.

    Raises:
        NotAllowed: the person may not open reviews.
        WrongState: the month has not begun, has its review, or has nothing to decide on.
    """
    require(by, OPEN)
    if month > reviewing.this_month():
        raise WrongState(f"{month:%B %Y} has not begun; open it when it has.")
    with transaction.atomic():
        review, made = PortfolioReview.objects.get_or_create(
            month=month, defaults={"opened_by_id": by.pk if by else None}
        )
        if not made:
            raise WrongState(f"The review of {month:%B %Y} was opened already; here it is.")
        if not _compute(review):
            raise WrongState(f"There was nothing to decide on in {month:%B %Y}; choose another.")
        after = {"month": f"{month:%Y-%m}", "automations": review.decisions.count()}
        record("open portfolio review", review, by=by, after=after)
    return review


def compute_again(review: PortfolioReview, *, by: Actor) -> int:
    """Compute an open review's figures anew; return how many decisions must be made again.

    What was decided stays, unless it had no reason and the suggestion it agreed with has changed.

    Raises:
        NotAllowed: the person may not decide.
        WrongState: the review is closed.
    """
    require(by, DECIDE)
    with transaction.atomic():
        review = _locked(review.pk)
        before = review.decisions.exclude(decision="").count()
        _compute(review)
        reopened = before - review.decisions.exclude(decision="").count()
        record("compute portfolio review", review, by=by, after={"asked again": reopened})
    return reopened


def _locked(pk: int) -> PortfolioReview:
    review = PortfolioReview.objects.select_for_update().get(pk=pk)
    if review.closed_at is not None:
        raise WrongState(CLOSED)
    return review


def _compute(review: PortfolioReview) -> int:
    """Write the figures of everything the review is about; return how many automations that is."""
    found = reviewing.candidates(review.month)
    figures = figures_of(found, review.month)
    followed = reviewing.follow_up(review.month, figures, found)
    known = {row.automation_id: row for row in review.decisions.all()}
    for automation in found:
        row = known.pop(automation.pk, None)
        row = row or PortfolioDecision(review=review, automation=automation)
        _fill(row, automation, figures, followed)
        row.save()
    gone = [row.pk for row in known.values() if not row.decision]
    review.decisions.filter(pk__in=gone).delete()
    return len(found)


def _fill(
    row: PortfolioDecision,
    automation: Automation,
    figures: dict[int, Figures],
    followed: dict[int, Followed],
) -> None:
    now = figures[automation.pk]
    suggestion = suggest(now)
    if row.decision and not row.reason and row.decision != suggestion.choice:
        row.decision, row.decided_at, row.decided_by = "", None, None
    outcome = followed.get(automation.pk)
    told = {
        "followed": outcome.as_json() if outcome else None,
        BY: row.figures.get(BY, "") if row.decision else "",
    }
    row.figures = {**now.as_json(), **told}
    row.suggested, row.suggested_why = suggestion.choice, suggestion.why


def decide_portfolio(
    row: PortfolioDecision, choice: str, *, by: Actor, reason: str = ""
) -> PortfolioDecision:
    """Decide what happens with one automation; against the suggestion only with a reason.

    Raises:
        NotAllowed: the person may not decide.
        ValidationError: none of the four decisions, no reason (field `reason`), or a long one.
        WrongState: the review is closed.
    """
    require(by, DECIDE)
    reason = clean_text(reason).text.strip()
    _check(row, choice, reason)
    with transaction.atomic():
        review = _locked(row.review_id)
        stored = review.decisions.select_related("automation").get(pk=row.pk)
        _check(stored, choice, reason)
        before = {"decision": stored.decision, "reason": stored.reason}
        stored.decision, stored.reason = choice, reason
        stored.decided_at, stored.decided_by_id = timezone.now(), by.pk if by else None
        stored.figures = {**stored.figures, BY: _name(by)}
        stored.save(update_fields=["decision", "reason", "decided_at", "decided_by", "figures"])
        after = {"decision": choice, "reason": reason, "suggested": stored.suggested}
        record("decide in portfolio review", stored, by=by, before=before, after=after)
    return stored


def _name(by: Actor) -> str:
    return by.get_username() if by is not None and by.pk else SYSTEM


def _check(row: PortfolioDecision, choice: str, reason: str) -> None:
    if choice not in PortfolioDecision.Decision.values:
        raise ValidationError("Choose one of the four: double down, keep, fix, kill.")
    if len(reason) > MOST_CHARACTERS:
        raise ValidationError({"reason": f"Write at most {MOST_CHARACTERS:,} characters."})
    if choice != row.suggested and not reason:
        suggested = row.get_suggested_display().lower()
        raise ValidationError({"reason": f"The suggestion is to {suggested}; say why not."})


def close_review(review: PortfolioReview, *, by: Actor) -> PortfolioReview:
    """Freeze a review for good; its month has ended and everything in it is decided.

    Raises:
        NotAllowed: the person may not decide.
        WrongState: it is closed already, its month is not over, or something is undecided.
    """
    require(by, DECIDE)
    with transaction.atomic():
        review = _locked(review.pk)
        _refuse_unready(review)
        now = timezone.now()
        by_id = by.pk if by else None
        for row in review.decisions.all():
            row.figures = {**row.figures, CLOSED_BY: _name(by)}
            row.save(update_fields=["figures"])
        closed = PortfolioReview.objects.open().filter(pk=review.pk)
        if not closed.update(closed_at=now, closed_by_id=by_id):
            raise WrongState(CLOSED)
        review.refresh_from_db()
        counts = {
            choice: review.decisions.filter(decision=choice).count()
            for choice in PortfolioDecision.Decision.values
        }
        record("close portfolio review", review, by=by, after=counts)
    return review


def _refuse_unready(review: PortfolioReview) -> None:
    month = review.month
    if month >= reviewing.this_month():
        raise WrongState(
            f"{month:%B} runs until {last_day(month):%Y-%m-%d}; close its review after that, "
            "so that the whole month is in it."
        )
    open_ones = review.decisions.filter(decision="").select_related("automation")
    names = [row.automation.name for row in open_ones]
    if names:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise WrongState(f"Not everything is decided yet: {shown}.")
