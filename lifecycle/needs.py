"""What waits for one person: only what concerns them, and what they may do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django.urls import reverse
from django.utils import timezone

from automations.models import Automation, Run
from lifecycle.models import Promotion, Team
from lifecycle.phases import LEAVES_PROTOTYPE
from lifecycle.portfolio import Line
from lifecycle.portfolio_reviewing import review_due
from lifecycle.promotions import waiting_for
from lifecycle.prototypes import overdue_for
from monitoring.reviews import MOST
from monitoring.reviews import waiting_for as waiting_for_review

COUNTED = 200


@dataclass(frozen=True, slots=True)
class Need:
    """One thing to do: what, why, since when, and the link that leads to doing it."""

    shape: str
    what: str
    why: str
    since: datetime | None
    url: str
    action: str


def needs_of(user: Any, own: Sequence[Line], *, team: Team, now: datetime) -> list[Need]:
    """Return what waits for a person, the most urgent kind first; `own` are their automations.

    Six queries at most, whatever waits.
    """
    return [
        *_promotions(user, team),
        *_outputs(user),
        *_prototypes(user),
        *_reopened(own),
        *_owed(own),
        *_review(user, now),
        *_unjudged(user),
    ]


def _promotions(user: Any, team: Team) -> Iterable[Need]:
    for promotion in waiting_for(user, team=team):
        yield Need(
            shape="rocket",
            what=f"{promotion.automation}: {_move(promotion)}",
            why=f"{promotion.asked_by or 'Somebody'} asks, and a second person decides.",
            since=promotion.asked_at,
            url=reverse("promotion", args=[promotion.pk]),
            action="Decide",
        )


def _move(promotion: Promotion) -> str:
    if promotion.kind == Promotion.Kind.STAGE:
        return f"to {promotion.get_to_stage_display().lower()}"
    return f"make v{promotion.to_version.number} live" if promotion.to_version else "a new version"


def _outputs(user: Any) -> Iterable[Need]:
    """Yield a line per automation whose outputs wait for an approver."""
    if not user.has_perm("automations.approve_delivery"):
        return
    waiting = Run.objects.filter(status=Run.Status.AWAITING_APPROVAL).order_by("pk")
    columns = ("pk", "automation_id", "automation__name", "queued_at")
    found: dict[str, list[Any]] = {}
    for row in waiting.values_list(*columns)[: COUNTED + 1]:
        found.setdefault(row[1], []).append(row)
    is_cut = sum(map(len, found.values())) > COUNTED
    for slug, rows in found.items():
        yield _output(slug, rows, is_cut=is_cut)


def _output(slug: str, rows: list[Any], *, is_cut: bool) -> Need:
    pk, _, name, since = rows[0]
    if len(rows) == 1 and not is_cut:
        what, url = f"{name}: run {pk}", reverse("run", args=[pk])
    else:
        what = f"{name}: {'at least ' if is_cut else ''}{len(rows)} outputs"
        url = f"{reverse('runs')}?status=awaiting_approval&automation={slug}"
    return Need("eye", what, "Nothing leaves before it is approved.", since, url, "Read it")


def _prototypes(user: Any) -> Iterable[Need]:
    for prototype in overdue_for(user):
        yield Need(
            shape="clock",
            what=f"{prototype.automation}: the prototype is overdue",
            why="Its three days are over; say go, simplify, pivot or kill.",
            since=prototype.due_at,
            url=reverse("prototype", args=[prototype.automation.slug]),
            action="Give a verdict",
        )


def _owed(own: Sequence[Line]) -> Iterable[Need]:
    """Yield a line per automation with boxes that were to be paid by now."""
    for line in own:
        late = [owed for owed in line.view.owed if owed.is_late]
        if not late or line.row.automation.stage == Automation.Stage.RETIRED:
            continue
        first = min(late, key=lambda owed: owed.due_on)
        number = first.view.box.number
        more = f" and {len(late) - 1} more" if late[1:] else ""
        yield Need(
            shape="warn",
            what=f"{line.row.automation}: “{first.view.box.title}”{more}",
            why="Owed since its phase was left, and late.",
            since=timezone.make_aware(datetime.combine(first.due_on, time.max)),
            url=f"{reverse('checklist', args=[line.row.automation.slug])}#box-{number}",
            action="Look",
        )


def _reopened(own: Sequence[Line]) -> Iterable[Need]:
    """Yield a line per automation in production with open must boxes of the phases before it."""
    for line in own:
        automation = line.row.automation
        before = [shown for shown in line.view.phases if shown.phase.number <= LEAVES_PROTOTYPE]
        musts = [box for shown in before for box in shown.missing_must]
        if not musts or automation.stage != Automation.Stage.PRODUCTION:
            continue
        more = f" and {len(musts) - 1} more" if musts[1:] else ""
        yield Need(
            shape="warn",
            what=f"{automation}: “{musts[0].box.title}”{more}",
            why=f"It is in production with {'must boxes' if more else 'a must box'} open.",
            since=musts[0].since,
            url=f"{reverse('checklist', args=[automation.slug])}#box-{musts[0].box.number}",
            action="Look",
        )


def _unjudged(user: Any) -> Iterable[Need]:
    """Yield one line for the outputs that this person can review; sample data waits for nobody."""
    if not user.has_perm("monitoring.add_review"):
        return
    number = len(waiting_for_review(user).evidence().values("pk")[: MOST + 1])
    if number:
        at_least = "At least " if number > MOST else ""
        noun = "output" if number == 1 else "outputs"
        yield Need(
            shape="review",
            what=f"{at_least}{min(number, MOST)} {noun} to review",
            why="Only what a person has judged counts for quality.",
            since=None,
            url=reverse("reviews"),
            action="Review",
        )


def _review(user: Any, now: datetime) -> Iterable[Need]:
    due = review_due(now) if user.has_perm("lifecycle.add_portfolioreview") else None
    if due:
        yield Need(
            shape="portfolio",
            what=f"Portfolio review of {due:%B %Y}",
            why="The month is over; decide what to double down on, keep, fix or kill.",
            since=None,
            url=reverse("portfolio_review"),
            action="Review",
        )
