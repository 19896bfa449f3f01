"""Reading reviews: what can be reviewed, and how many outputs were found useful."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q

from automations.models import Automation, Run, Version
from automations.models.run import RunQuerySet
from monitoring.models import Review
from monitoring.models.review import ReviewQuerySet
from monitoring.stats import wilson

USEFUL = ~Q(verdict=Review.Verdict.REJECTED)
REVIEWABLE = (Run.Status.SUCCESS, Run.Status.AWAITING_APPROVAL)
MOST = 100  # outputs that a list offers
RECENT = 2_000  # runs among which it looks for them


@dataclass(frozen=True, slots=True)
class Approval:
    """How many outputs were useful, of how many that were reviewed."""

    useful: int
    reviewed: int

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
        """Such as "14 of 20 useful = 70 % (48-85 %)"."""
        if self.share is None or self.interval is None:
            return "none reviewed yet"
        low, high = self.interval
        counted = f"{self.useful} of {self.reviewed} useful = {100 * self.share:.0f} %"
        return f"{counted} ({100 * low:.0f}\N{EN DASH}{100 * high:.0f} %)"


NONE = Approval(0, 0)


def approvals_of(
    automation_ids: Collection[int], *, since: datetime | None, samples: Collection[bool] = (False,)
) -> dict[int, Approval]:
    """Return the approval of each automation, by primary key, 0 of 0 where nobody reviewed.

    One query for any number of automations. `since` bounds the moment of the verdict; None is
    all time. `samples=(False, True)` counts verdicts on sample runs too.
    """
    reviews = Review.objects.filter(automation_id__in=automation_ids, is_sample__in=samples)
    if since is not None:
        reviews = reviews.filter(at__gte=since)
    return _counts(reviews, "automation_id", automation_ids)


def approval_of_version(
    version: Version, *, since: datetime | None = None, samples: Collection[bool] = (False,)
) -> Approval:
    """Return the approval of one version's outputs, sample runs only where asked."""
    reviews = Review.objects.filter(version=version, is_sample__in=samples)
    if since is not None:
        reviews = reviews.filter(at__gte=since)
    return _counts(reviews, "version_id", [version.pk])[version.pk]


def counted(reviews: ReviewQuerySet) -> ReviewQuerySet:
    """Leave one review per output, the newest: an output seen by two people counts once."""
    newer = Review.objects.filter(run=OuterRef("run"), pk__gt=OuterRef("pk"))
    return reviews.filter(~Exists(newer))


def _counts(reviews: ReviewQuerySet, key: str, ids: Iterable[int]) -> dict[int, Approval]:
    rows = (
        counted(reviews)
        .order_by()
        .values(key)
        .annotate(useful=Count("pk", filter=USEFUL), reviewed=Count("pk"))
        .values_list(key, "useful", "reviewed")
    )
    found = {pk: Approval(useful, reviewed) for pk, useful, reviewed in rows}
    return {pk: found.get(pk, NONE) for pk in ids}


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
