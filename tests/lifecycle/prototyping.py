"""Rows and pages of reviews, prototypes, criteria and failure modes, for the browser's checks."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation
from lifecycle.models import Extension
from tests.lifecycle.makers import (
    make_criterion,
    make_failure_mode,
    make_prototype,
    make_review,
)
from tests.makers import make_automation, make_run


def pages_of_reviews(automation: Automation) -> list[str]:
    """Return the pages on which outputs are judged: open, judged by oneself, and none to judge."""
    live = automation.live_version
    done = {"status": "success", "output_data": {"text": "A post. " * 300}}
    open_one, judged = make_run(live, **done), make_run(live, **done)
    me = User.objects.filter(is_superuser=True).first()
    mine = make_review(judged, reviewer=me, verdict="rejected", reason="style", note="Stiff.")
    make_review(judged, verdict="approved_after_edit", edited_output="Better.")
    failed = make_run(live, status="failed")
    return [
        f"{reverse('reviews')}?automation={automation.slug}",
        f"{reverse('run_review', args=[open_one.pk])}?after={mine.pk}",
        *(reverse("run_review", args=[run.pk]) for run in (judged, failed)),
    ]


def pages_of_prototypes(automation: Automation) -> list[str]:
    """Return the pages of a prototype that is overdue, one that has ended, and none."""
    now = timezone.now()
    decided = {"verdict": "pivot", "suggested": "pivot", "reason": "Wrong.", "decided_at": now}
    four = [{"key": "runs", "title": "Runs end to end", "state": "met", "why": "Run 1 did."}]
    make_prototype(automation, **decided, measured=four)
    ended, none = make_automation("ended"), make_automation("not-begun")
    make_prototype(ended, **decided, measured=four)
    late = make_prototype(automation, started_at=now - timedelta(hours=90), start_reason="So.")
    Extension.objects.create(prototype=late, hours=12, reason="The API was down.")
    criterion = make_criterion(automation, note="From last year.")
    make_criterion(automation, operator="<", number=90)
    mode = make_failure_mode(automation)
    slugs = [(name, slug) for name in ("criteria", "failure_modes") for slug in (automation, none)]
    return [
        *(reverse("prototype", args=[a.slug]) for a in (automation, ended, none)),
        *(reverse(name, args=[a.slug]) for name, a in slugs),
        f"{reverse('failure_modes', args=[none.slug])}?category=timeout&code=deadline",
        reverse("criterion", args=[criterion.pk]),
        reverse("failure_mode", args=[mode.pk]),
    ]
