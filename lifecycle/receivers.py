"""What the floors below tell: whatever is recorded or ends asks for another look at the boxes."""

from __future__ import annotations

from typing import Any

from django.db import models

from automations.models import Automation, Provider
from lifecycle.models import Checklist, Team
from lifecycle.services.checklists import mark


def on_recorded(subject: models.Model, **_: Any) -> None:
    """Look again at the automations that a change is about."""
    mark(_slugs_of(subject))


def on_runs_finished(slugs: list[str], **_: Any) -> None:
    """Look again within a minute at automations of which runs have ended."""
    mark(slugs, within=Checklist.AFTER_RUNS)


def _slugs_of(subject: models.Model) -> list[str]:
    if isinstance(subject, Automation):
        return [subject.slug]
    if isinstance(subject, Provider):
        live = Automation.objects.filter(live_version__provider=subject)
        return list(live.values_list("slug", flat=True))
    if isinstance(subject, Team):
        return list(Automation.objects.values_list("slug", flat=True))
    for name in ("automation", "version", "scorecard", "prototype", "run"):
        owner = getattr(subject, name, None)
        if isinstance(owner, models.Model):
            return _slugs_of(owner)
    return []
