"""Look at one box of one automation; runs and reviews in numbers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from automations.models import Attempt, Automation, Run, Version
from lifecycle.evidence import CHECKS
from lifecycle.evidence.base import Evidence
from lifecycle.evidence.subject import Subject
from monitoring.models import Review
from tests.lifecycle.makers import make_review
from tests.makers import make_run

DAY = timedelta(days=1)
MEASURED: dict[str, Any] = {"input_tokens": 100, "output_tokens": 50, "cost_usd": "0.002"}


def box(number: int, automation: Automation, now: datetime | None = None) -> Evidence:
    """Ask one box, of the automation as it is stored."""
    stored = Automation.objects.select_related("live_version__provider").get(pk=automation.pk)
    return CHECKS[number](Subject(stored, now or timezone.now()))


def done(version: Version, **values: Any) -> Run:
    """Make a run that succeeded, with its tokens and cost."""
    text = {"output_data": {"text": "Fine."}}
    return make_run(version, **{"status": "success", **text, **MEASURED, **values})


def failed(version: Version, category: str = "timeout", code: str = "", **values: Any) -> Run:
    """Make a run that failed."""
    error = {"error_category": category, "error_code": code, "error_message": "It did not work."}
    return make_run(version, **{"status": "failed", **error, **values})


def many(number: int, version: Version, **values: Any) -> list[Run]:
    """Make runs that succeeded."""
    return [done(version, **values) for _ in range(number)]


def asked(run: Run, **values: Any) -> Attempt:
    """Make a call to the model that was answered."""
    facts = {"number": 1, "provider_name": "p", "model": "m", "latency_ms": 5}
    return Attempt.objects.create(run=run, **{**facts, "started_at": timezone.now(), **values})


def reviewed(version: Version, useful: int, of: int, **values: Any) -> None:
    """Make reviews of a version's outputs: the first are useful, the others rejected."""
    for number in range(of):
        verdict = {"verdict": "approved"} if number < useful else REJECTED
        make_review(
            done(version, is_sample=values.get("is_sample", False)), **{**verdict, **values}
        )


REJECTED = {"verdict": Review.Verdict.REJECTED, "reason": Review.Reason.WRONG}


def against(direction: str, kind: str = "length") -> dict[str, Any]:
    """Return a check's verdict against a run, as it is stored."""
    return {"direction": direction, "turn": 0, "kind": kind, "label": kind, "passed": False,
            "message": "", "code": "", "category": "validation_error"}  # fmt: skip


def passing(direction: str) -> dict[str, Any]:
    """Return a check's verdict in favour of a run."""
    return {**against(direction), "passed": True}
