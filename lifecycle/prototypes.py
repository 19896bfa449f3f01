"""Reading prototypes: the clock, the goals of its days, the four criteria, the suggestion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation, Delivery, Run
from automations.models.run import RunQuerySet
from lifecycle.evidence import prototyping, runs
from lifecycle.evidence.base import Evidence, Link
from lifecycle.evidence.steps import run_it
from lifecycle.evidence.subject import Subject
from lifecycle.models import Promotion, Prototype, Scorecard
from lifecycle.phases import State
from monitoring.models import Review
from monitoring.reviews import USEFUL

EARLY = (Automation.Stage.IDEA, Automation.Stage.PROTOTYPE)
DAY = timedelta(days=1)
GO, PIVOT = Prototype.Verdict.GO, Prototype.Verdict.PIVOT
AGREE = {GO: (GO,), PIVOT: (PIVOT, Prototype.Verdict.KILL)}


# --- the clock -----------------------------------------------------------------------------


def overdue(now: datetime) -> QuerySet[Prototype]:
    """Return the prototypes that are open after their time, of automations not yet beyond."""
    late = Prototype.objects.filter(decided_at=None, due_at__lt=now, automation__stage__in=EARLY)
    return late.select_related("automation").order_by("due_at")


def overdue_for(user: Any) -> list[Prototype]:
    """Return the overdue prototypes of the automations that a person owns, the latest first."""
    return list(overdue(timezone.now()).filter(automation__owner_id=user.pk))


def is_overdue(prototype: Prototype, now: datetime) -> bool:
    """Tell whether a prototype is past its time without a verdict; at its last moment it is not."""
    return prototype.is_open and now > prototype.due_at and prototype.automation.stage in EARLY


@dataclass(frozen=True, slots=True)
class Stretch:
    """A day on the clock's bar: where it lies on a width of 1,000, and how much of it is gone."""

    x: float
    width: float
    gone: float
    tone: str


@dataclass(frozen=True, slots=True)
class Clock:
    """A prototype's time at one moment."""

    started_at: datetime
    due_at: datetime
    ends_at: datetime
    is_overdue: bool
    in_words: str
    stretches: tuple[Stretch, ...]


WIDTH, GAP = 1000.0, 5.0


def clock(prototype: Prototype, now: datetime) -> Clock:
    """Return the clock as it stands now, or as it stood when the verdict was given."""
    at = prototype.decided_at or now
    end = max(prototype.due_at, at)
    return Clock(
        started_at=prototype.started_at,
        due_at=prototype.due_at,
        ends_at=end,
        is_overdue=is_overdue(prototype, now),
        in_words=_in_words(prototype, at),
        stretches=tuple(_stretches(prototype, at, end)),
    )


def _in_words(prototype: Prototype, at: datetime) -> str:
    late = at > prototype.due_at
    span = span_in_words(abs(prototype.due_at - at))
    if not prototype.is_open:
        taken = span_in_words(at - prototype.started_at)
        return f"decided after {taken}" + (f", {span} late" if late else "")
    return f"overdue by {span}" if late else f"{span} left"


def span_in_words(span: timedelta) -> str:
    """Say a span in days and hours, under an hour in minutes: "2 days 5 h", "40 min"."""
    minutes = int(span.total_seconds()) // 60
    if minutes < 60:
        return f"{minutes} min"
    days, hours = divmod(minutes // 60, 24)
    words = [f"{days} day{'' if days == 1 else 's'}"] * bool(days) + [f"{hours} h"] * bool(hours)
    return " ".join(words)


def _stretches(prototype: Prototype, at: datetime, end: datetime) -> list[Stretch]:
    total = (end - prototype.started_at) / DAY
    late_from = (prototype.due_at - prototype.started_at) / DAY
    gone = max(0.0, (at - prototype.started_at) / DAY)
    edges = sorted({*range(min(60, int(total) + 1)), late_from, total})
    return [
        _stretch(first, last, scale=WIDTH / total, gone=gone, is_late=first >= late_from)
        for first, last in pairwise(edges)
    ]


def _stretch(first: float, last: float, *, scale: float, gone: float, is_late: bool) -> Stretch:
    """Lay out a day; `first`, `last` and `gone` are days since the clock began."""
    width = max(1.0, (last - first) * scale - GAP)
    share = min(1.0, max(0.0, (gone - first) / (last - first)))
    return Stretch(
        x=round(first * scale, 2),
        width=round(width, 2),
        gone=round(width * share, 2),
        tone="bad" if is_late else "ok",
    )


# --- before it begins ----------------------------------------------------------------------


def objection(automation: Automation) -> str:
    """Return the sentence that speaks against starting the clock by hand; '' when nothing does."""
    last = Prototype.objects.filter(automation=automation).order_by("-pk").first()
    if last and last.verdict in (Prototype.Verdict.GO, Prototype.Verdict.KILL):
        return f"The last prototype ended with “{last.get_verdict_display()}”."
    if not Scorecard.objects.filter(automation=automation).exists():
        return "There is no scorecard yet, so nobody has said that this is worth three days."
    return ""


def without_prototype(now: datetime) -> list[tuple[Automation, Run]]:
    """Return early automations that have run in earnest without a clock, with their first run."""
    clocks = Prototype.objects.filter(automation=OuterRef("pk"))
    early = Automation.objects.filter(~Exists(clocks), stage__in=EARLY)
    found = early.filter(Exists(_in_earnest(OuterRef("slug"), now)))
    return [(automation, run) for automation in found if (run := first_run(automation, now))]


def first_run(automation: Automation, now: datetime) -> Run | None:
    """Return the run that begins the clock of an early automation without one.

    Runs from before an automation came back from production or retirement start nothing, nor do
    sample runs.
    """
    mine = _in_earnest(automation.slug, now)
    back = _came_back_at(automation)
    if back:
        before = (
            runs.of(automation.slug).filter(queued_at__lte=back).order_by("automation_id", "-pk")
        )
        last = before.values_list("pk", flat=True).first() or 0
        mine = mine.filter(pk__gt=last, queued_at__gt=back)
    first = mine.order_by("-automation_id", "pk")
    return first.only("pk", "queued_at", "automation_id").first()


def _came_back_at(automation: Automation) -> datetime | None:
    moves = Promotion.objects.filter(
        automation=automation, state=Promotion.State.DONE, to_stage__in=EARLY
    )
    back = moves.exclude(from_stage__in=("", *EARLY))
    return back.order_by("-asked_at").values_list("asked_at", flat=True).first()


def _in_earnest(slug: str | OuterRef, now: datetime) -> RunQuerySet:
    return runs.of(slug).evidence().filter(started_at__lte=now)


# --- the goals of the three days -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Goal:
    """What a day is for, whether it is reached, why, and what to do."""

    day: int
    title: str
    due_at: datetime
    state: State
    why: str
    links: tuple[Link, ...]
    step: Link | None
    is_late: bool

    @property
    def is_met(self) -> bool:
        return self.state == State.MET


def day_goals(prototype: Prototype, now: datetime) -> tuple[Goal, ...]:
    """Return the three goals as the data shows them since the clock began."""
    found = (_integration(prototype), _prompts(prototype), _real_data(prototype))
    titles = ("Core integration", "Prompt engineering", "End to end on real data")
    ends = [prototype.started_at + DAY * day for day in (1, 2, 3)]
    at = prototype.decided_at or now
    return tuple(
        Goal(
            day=day,
            title=title,
            due_at=end,
            state=State(shown.state),
            why=shown.why,
            links=shown.rows,
            step=shown.step,
            is_late=at > end and shown.state != State.MET,
        )
        for day, (title, end, shown) in enumerate(zip(titles, ends, found, strict=True), 1)
    )


def _runs_of(prototype: Prototype) -> RunQuerySet:
    """Return the runs of its time that were meant and went through the model."""
    runs: RunQuerySet = Run.objects.filter(
        automation_id=prototype.automation.slug,
        is_simulated=False,
        queued_at__gte=prototype.started_at,
        calls__gt=0,
    )
    until = prototype.decided_at
    return runs.filter(queued_at__lte=until) if until else runs


def _delivered(prototype: Prototype, runs: RunQuerySet) -> Run | None:
    """Return the first of these runs of which a delivery arrived.

    As for box 4: without an active destination the output stays with its run, and that counts.
    """
    if _keeps(prototype):
        kept = runs.filter(status=Run.Status.SUCCESS, output_data__isnull=False)
        return kept.order_by("pk").only("pk").first()
    sent = Delivery.objects.filter(run=OuterRef("pk"))
    arrived = sent.filter(state=Delivery.State.DELIVERED)
    whole = runs.filter(Exists(arrived), status=Run.Status.SUCCESS)
    return whole.order_by("pk").only("pk").first()


def _keeps(prototype: Prototype) -> bool:
    """Tell whether what it makes stays with its runs."""
    return not prototype.automation.destinations.filter(is_active=True).exists()


def _integration(prototype: Prototype) -> Evidence:
    run = _delivered(prototype, _runs_of(prototype))
    way = "from the source through the model to a destination"
    if _keeps(prototype):
        way = "from the source through the model, and its output stays with it: no destination"
    if run:
        return Evidence(State.MET, f"{run} went {way}.", (_link(run),))
    return Evidence(State.NOT_MET, f"No run has gone {way} yet.", step=_run_it(prototype))


def _run_it(prototype: Prototype) -> Link:
    return run_it(Subject(prototype.automation, timezone.now()))


def _prompts(prototype: Prototype) -> Evidence:
    slug = prototype.automation.slug
    versions = list(prototype.automation.versions.values_list("number", "note"))
    told = any(note.strip() for _, note in versions)
    if len(versions) < 2 and not told:
        why = "There is one way of asking only, and no note on it: try another, or write down why."
        return Evidence(
            State.NOT_MET, why, step=Link("Try prompts", reverse("playground", args=[slug]))
        )
    tried = f"{len(versions)} versions" if len(versions) > 1 else "A version with a note"
    useful = Review.objects.filter(USEFUL, run__in=_runs_of(prototype)).order_by("pk").first()
    if useful is None:
        step = Link("Review outputs", f"{reverse('reviews')}?automation={slug}")
        return Evidence(State.NOT_MET, f"{tried}, but no output was found useful yet.", step=step)
    where = reverse("run_review", args=[useful.run_id])
    link = Link(f"Review of run {useful.run_id}", where)
    return Evidence(State.MET, f"{tried}, and an output that a person found useful.", (link,))


def _real_data(prototype: Prototype) -> Evidence:
    run = _delivered(prototype, _runs_of(prototype).evidence())
    done = "kept with its run" if _keeps(prototype) else "delivered"
    if run:
        why = f"{run} was no sample and no try: its own source, its own model, {done}."
        return Evidence(State.MET, why, (_link(run),))
    why = f"No run on real data was {done} yet; sample runs and tries do not count."
    return Evidence(State.NOT_MET, why, step=_run_it(prototype))


def _link(run: Run) -> Link:
    return Link(str(run), reverse("run", args=[run.pk]))


# --- the four criteria, and what they suggest ----------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """One of the four published criteria as the evidence shows it now."""

    key: str
    title: str
    state: State
    why: str
    links: tuple[Link, ...]
    step: Link | None

    @property
    def is_met(self) -> bool:
        return self.state == State.MET


FOUR = (
    ("runs", "Runs end to end", prototyping.workflow),
    ("useful", "Useful 70 % of the time", prototyping.quality),
    ("performance", "Its performance can be measured", prototyping.performance),
    ("failures", "Its failure modes are known", prototyping.failure_modes),
)


def measured_criteria(automation: Automation, *, now: datetime | None = None) -> list[Measured]:
    """Return the four criteria as boxes 4 to 7 find them; an exemption stands in for none."""
    subject = Subject(automation, now or timezone.now())
    found = [(key, title, look(subject)) for key, title, look in FOUR]
    return [Measured(k, title, e.state, e.why, e.rows, e.step) for k, title, e in found]


def suggested(criteria: Sequence[Measured]) -> Prototype.Verdict:
    """Return what the four say: go when all are met, else pivot (or kill)."""
    return GO if all(criterion.is_met for criterion in criteria) else PIVOT


def contradicts(verdict: str, suggestion: str) -> bool:
    """Tell whether a verdict is another one than the four suggest."""
    return verdict not in AGREE.get(Prototype.Verdict(suggestion), ())


def frozen(criteria: Sequence[Measured]) -> list[dict[str, str]]:
    """Return the four as JSON, to be kept with a verdict."""
    return [
        {"key": c.key, "title": c.title, "state": c.state.value, "why": c.why} for c in criteria
    ]
