"""Ways in which an automation fails: those seen in 30 days, and what is written about each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import Count, Max
from django.utils import timezone

from automations.models import Automation, Run
from automations.text import clean_text
from lifecycle.evidence.failures import handles, title_of
from lifecycle.evidence.runs import EndedRun
from lifecycle.evidence.subject import Subject
from lifecycle.models import FailureMode
from monitoring.models import Review

MAX_CODE = 60


@dataclass(frozen=True, slots=True)
class What:
    """What was seen: an error's category and code, or the reason of a rejected review."""

    error_category: str = ""
    error_code: str = ""
    review_reason: str = ""

    @property
    def title(self) -> str:
        """In words: "Timeout: deadline", "Rejected: Tone or style"."""
        if self.review_reason:
            reasons = dict(Review.Reason.choices)
            return f"Rejected: {reasons.get(self.review_reason, self.review_reason)}"
        return title_of((self.error_category, self.error_code)) if self.error_category else ""

    @property
    def is_possible(self) -> bool:
        """Whether a run or a review can look like this at all; an empty one can."""
        return (
            self.error_category in ("", *Run.ErrorCategory.values)
            and self.review_reason in ("", *Review.Reason.values)
            and len(self.error_code) <= MAX_CODE
            and clean_text(self.error_code).text == self.error_code
            and not (self.error_category and self.review_reason)
            and not (self.error_code and not self.error_category)
        )

    @property
    def address(self) -> str:
        """The query of an address that names it: "category=timeout&code=deadline"."""
        return urlencode(self.query)

    @property
    def query(self) -> dict[str, str]:
        """The fields of a form that name it."""
        named = {
            "category": self.error_category,
            "code": self.error_code,
            "reason": self.review_reason,
        }
        return {key: value for key, value in named.items() if value}

    def is_answered_by(self, mode: FailureMode) -> bool:
        """Tell whether a written failure mode is about this."""
        if self.review_reason:
            return mode.review_reason == self.review_reason
        return handles(mode, (self.error_category, self.error_code))


@dataclass(frozen=True, slots=True)
class Seen:
    """A group of failures: how often, when last, one to look at, and what is written about it."""

    what: What
    count: int
    last_at: datetime
    run_id: int
    is_sample: bool
    answers: tuple[FailureMode, ...]


def seen_of(
    automation: Automation, modes: Iterable[FailureMode], *, now: datetime | None = None
) -> list[Seen]:
    """Return what was seen to fail in the last 30 days, unanswered first, then by frequency."""
    subject = Subject(automation, now or timezone.now())
    written = tuple(modes)
    found = [*_errors(subject, written), *_rejections(subject, written)]
    return sorted(found, key=lambda group: (bool(group.answers), -group.count, group.what.title))


def _errors(subject: Subject, modes: tuple[FailureMode, ...]) -> list[Seen]:
    groups: dict[tuple[str, str], list[EndedRun]] = defaultdict(list)
    for run in subject.lately:
        if run.error_category:
            groups[run.error].append(run)
    return [
        Seen(
            what=(what := What(error_category=category, error_code=code)),
            count=len(rows),
            last_at=rows[0].completed_at,
            run_id=rows[0].id,
            is_sample=all(run.is_sample for run in rows),
            answers=tuple(mode for mode in modes if what.is_answered_by(mode)),
        )
        for (category, code), rows in groups.items()
    ]


def _rejections(subject: Subject, modes: tuple[FailureMode, ...]) -> list[Seen]:
    since = subject.days_ago(30)
    rejected = Review.objects.filter(
        automation=subject.automation, verdict=Review.Verdict.REJECTED, at__gte=since
    )
    rows = rejected.order_by().values("reason").annotate(count=Count("pk"), last_at=Max("at"))
    newest = dict(rejected.order_by("pk").values_list("reason", "run_id"))
    real = set(rejected.filter(is_sample=False).values_list("reason", flat=True))
    return [
        Seen(
            what=(what := What(review_reason=row["reason"])),
            count=row["count"],
            last_at=row["last_at"],
            run_id=newest[row["reason"]],
            is_sample=row["reason"] not in real,
            answers=tuple(mode for mode in modes if what.is_answered_by(mode)),
        )
        for row in rows
    ]


def what_of(mode: FailureMode) -> What:
    """Return what a written failure mode is about; an empty one where somebody thought of it."""
    return What(mode.error_category, mode.error_code, mode.review_reason)
