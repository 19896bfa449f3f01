"""Reading reviews: what can be reviewed, and how many outputs were found useful."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from math import floor
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from automations.models import Automation, Run, Version
from automations.models.run import RunQuerySet
from monitoring.models import Review
from monitoring.models.review import ReviewQuerySet
from monitoring.stats import percent_down, wilson

USEFUL = ~Q(verdict=Review.Verdict.REJECTED)
FOUND_USEFUL = Q(was_rejected=False)  # of what `counted` leaves
DISPUTED = Q(was_rejected=True, was_approved=True)
ENOUGH = 10  # reviews of real outputs that speak without those of samples
REVIEWABLE = (Run.Status.SUCCESS, Run.Status.AWAITING_APPROVAL)
MOST = 100  # outputs that a list offers
RECENT = 2_000  # runs among which it looks for them


@dataclass(frozen=True, slots=True)
class Approval:
    """How many outputs were useful, of how many that were reviewed; some may be sample data.

    Disputed are those on which people disagree: they count as not useful.
    """

    useful: int
    reviewed: int
    disputed: int = 0
    samples: int = 0

    def __add__(self, other: Approval) -> Approval:
        return Approval(
            self.useful + other.useful,
            self.reviewed + other.reviewed,
            self.disputed + other.disputed,
            self.samples + other.samples,
        )

    @property
    def share(self) -> float | None:
        """The useful share, 0 to 1; None when nothing was reviewed."""
        return self.useful / self.reviewed if self.reviewed else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the share; None when nothing was reviewed."""
        return wilson(self.useful, self.reviewed) if self.reviewed else None

    @property
    def in_words(self) -> str:
        """Such as "14 of 20 useful = 70 % (48-85 %; 2 disputed)"; rounding reaches no target."""
        if self.share is None or self.interval is None:
            return "none reviewed yet"
        low, high = self.interval
        said = f"{self.useful} of {self.reviewed} useful = {percent_down(self.share)}"
        disputed = f"; {self.disputed} disputed" if self.disputed else ""
        return f"{said} ({floor(100 * low)}\N{EN DASH}{100 * high:.0f} %{disputed})"


NONE = Approval(0, 0)


def approvals_of(
    automation_ids: Collection[int], *, since: datetime | None, samples: Collection[bool] = (False,)
) -> dict[int, Approval]:
    """Return the approval of each automation, by primary key, 0 of 0 where nobody reviewed.

    One query for any number of automations. `since` bounds the moment of the verdict; None is
    all time. `samples=(False, True)` counts verdicts on sample runs too.
    """
    found = _counts(_of_automations(automation_ids, since), "automation_id")
    return {pk: _sum(found.get(pk, {}), samples) for pk in automation_ids}


def approval_of_version(
    version: Version, *, since: datetime | None = None, samples: Collection[bool] = (False,)
) -> Approval:
    """Return the approval of one version's outputs, sample runs only where asked."""
    reviews = Review.objects.filter(version=version)
    if since is not None:
        reviews = reviews.filter(at__gte=since)
    return _sum(_counts(reviews, "version_id").get(version.pk, {}), samples)


def judged_of(
    automation_ids: Collection[int], *, since: datetime | None = None
) -> dict[int, Approval]:
    """Return the approval that each automation is judged by: sample reviews only below 10 others.

    One query for any number of automations, as `approvals_of`.
    """
    found = _counts(_of_automations(automation_ids, since), "automation_id")
    return {pk: _judged(found.get(pk, {})) for pk in automation_ids}


def judged_of_version(version: Version) -> Approval:
    """Return the approval that one version is judged by: sample reviews only below 10 others."""
    found = _counts(Review.objects.filter(version=version), "version_id")
    return _judged(found.get(version.pk, {}))


def counted(reviews: ReviewQuerySet, *, until: datetime | None = None) -> QuerySet[Review, Any]:
    """Leave one review per output, the newest, with `was_rejected` and `was_approved` by anybody.

    Of one input, run anew on the same version, the newest output that was approved counts and
    those that were rejected; the other approvals are of the same answer once more. `until` bounds
    what is looked at besides, exclusively: what was said later does not change a period.
    """
    others = Review.objects.all() if until is None else Review.objects.filter(at__lt=until)
    same_run = others.filter(run=OuterRef("run"))
    later = others.filter(USEFUL, version=OuterRef("version"), run_id__gt=OuterRef("run_id"))
    again = later.filter(run__rerun_root=OuterRef("run__rerun_root"))
    of_root = later.filter(run__rerun_root=OuterRef("run"))
    newest = reviews.filter(~Exists(same_run.filter(pk__gt=OuterRef("pk"))))
    said = newest.annotate(
        was_rejected=Exists(same_run.exclude(USEFUL)), was_approved=Exists(same_run.filter(USEFUL))
    )
    return said.filter(Q(was_rejected=True) | ~Exists(again) & ~Exists(of_root))


def _of_automations(ids: Collection[int], since: datetime | None) -> ReviewQuerySet:
    reviews = Review.objects.filter(automation_id__in=ids)
    return reviews if since is None else reviews.filter(at__gte=since)


def _counts(reviews: ReviewQuerySet, key: str) -> dict[int, dict[bool, Approval]]:
    """Return the approval by this column's value, that of samples apart."""
    rows = (
        counted(reviews)
        .order_by()
        .values(key, "is_sample")
        .annotate(
            useful=Count("pk", filter=FOUND_USEFUL),
            reviewed=Count("pk"),
            disputed=Count("pk", filter=DISPUTED),
        )
        .values_list(key, "is_sample", "useful", "reviewed", "disputed")
    )
    found: dict[int, dict[bool, Approval]] = {}
    for pk, is_sample, useful, reviewed, disputed in rows:
        samples = reviewed if is_sample else 0
        found.setdefault(pk, {})[is_sample] = Approval(useful, reviewed, disputed, samples)
    return found


def _sum(found: dict[bool, Approval], samples: Collection[bool]) -> Approval:
    return sum((found.get(flag, NONE) for flag in samples), NONE)


def _judged(found: dict[bool, Approval]) -> Approval:
    real = found.get(False, NONE)
    return real if real.reviewed >= ENOUGH else _sum(found, (False, True))


# --- what can be reviewed ------------------------------------------------------------------


def reviewable(runs: RunQuerySet) -> RunQuerySet:
    """Leave the runs whose output a person can judge: there, meant, and not made for a try."""
    return runs.filter(
        status__in=REVIEWABLE, output_data__isnull=False, is_simulated=False
    ).exclude(origin__in=(Run.Origin.PLAYGROUND, Run.Origin.DRILL))


def waiting_for(person: Any, automation: Automation | None = None) -> RunQuerySet:
    """Return the newest outputs on which a person has not said a word, at most 100.

    They are looked for among the newest 2,000 runs, so that the answer is as quick on the
    millionth run as on the first.
    """
    runs = Run.objects.all()
    if automation is not None:
        runs = runs.filter(automation_id=automation.slug)
    recent = runs.order_by("-pk").values("pk")[:RECENT]
    mine = Review.objects.filter(run=OuterRef("pk"), reviewer_id=person.pk)
    return reviewable(Run.objects.filter(pk__in=recent)).filter(~Exists(mine)).order_by("-pk")


def next_after(run: Run, person: Any) -> Run | None:
    """Return the output to look at after this one: the next older, else the newest that waits."""
    waiting = waiting_for(person, run.automation).exclude(pk=run.pk).light()
    return waiting.filter(pk__lt=run.pk).first() or waiting.first()


def count_waiting(person: Any, automation: Automation) -> int:
    """Return how many outputs of an automation wait for a person, counted up to 100."""
    return waiting_for(person, automation).values("pk")[:MOST].count()
