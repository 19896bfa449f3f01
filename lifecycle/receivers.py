"""What the floors below tell: whatever is recorded or ends asks for another look at the boxes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import models

from automations.models import AuditEvent, Automation, Provider, Run
from lifecycle.evaluating import mark
from lifecycle.models import Checklist, Scorecard, Team

BEGUN = frozenset({"test provider"})  # what is known stays until the answer is there
FOR_ALL = (Team, User)  # a decision by somebody who was removed is one by nobody
BY_SLUG = (Run, Scorecard)  # whose key to the automation is its slug: nothing is read for it
OWNERS = ("version", "run", "scorecard", "prototype", "source", "trigger", "hook", "checklist")


def on_recorded(subject: models.Model, event: AuditEvent | None = None, **_: Any) -> None:
    """Look again at the automations that a change is about; of runs there may be many."""
    if event is None or event.action not in BEGUN:
        within = Checklist.AFTER_RUNS if isinstance(subject, Run) else timedelta()
        mark(_slugs_of(subject), within=within)


def on_runs_finished(slugs: list[str], **_: Any) -> None:
    """Look again within a minute at automations of which runs have ended."""
    mark(slugs, within=Checklist.AFTER_RUNS)


def _slugs_of(subject: models.Model) -> list[str]:
    """Return the automations whose boxes may change with a row."""
    if isinstance(subject, Automation):
        return [subject.slug]
    if isinstance(subject, Provider):
        live = Automation.objects.filter(live_version__provider=subject)
        return list(live.values_list("slug", flat=True))
    if isinstance(subject, FOR_ALL):
        return list(Automation.objects.values_list("slug", flat=True))
    if isinstance(subject, BY_SLUG):
        return [subject.automation_id]
    for name in ("automation", *OWNERS):
        owner = getattr(subject, name, None)
        if isinstance(owner, models.Model):
            return _slugs_of(owner)
    return []
