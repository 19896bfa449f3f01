"""What several boxes ask of one automation, each asked of the database once."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils import timezone

from automations.models import Automation, Destination, Drill, ValidatorRule, Version
from lifecycle.evidence import runs
from lifecycle.evidence.base import SAMPLE
from lifecycle.evidence.runs import EndedRun, ErrorGroup
from lifecycle.models import (
    Attestation,
    Criterion,
    Decision,
    Exemption,
    FailureMode,
    Scorecard,
    Team,
)
from monitoring.models import Review

WINDOW_DAYS = 30


class Subject:
    """An automation at one moment."""

    def __init__(self, automation: Automation, now: datetime) -> None:
        self.automation = automation
        self.now = now
        self.verdicts: dict[int, list[dict[str, Any]]] = {}  # of runs, as far as they were read

    @property
    def slug(self) -> str:
        return self.automation.slug

    @property
    def today(self) -> date:
        return timezone.localdate(self.now)

    def days_ago(self, days: int) -> datetime:
        """Return the moment so many days before."""
        return self.now - timedelta(days=days)

    @cached_property
    def team(self) -> Team:
        return Team.current()

    @cached_property
    def live(self) -> Version | None:
        return self.automation.live_version

    @cached_property
    def newest_version(self) -> Version | None:
        return self.automation.versions.only("pk").order_by("-number").first()

    # --- what people wrote -----------------------------------------------------------------

    @cached_property
    def scorecard(self) -> Scorecard | None:
        return Scorecard.objects.filter(automation=self.automation).newest_first().first()

    @cached_property
    def decision(self) -> Decision | None:
        """The newest decision on the current scorecard."""
        if self.scorecard is None:
            return None
        return self.scorecard.decisions.select_related("decided_by").order_by("-pk").first()

    @cached_property
    def criteria(self) -> list[Criterion]:
        return list(Criterion.objects.filter(automation=self.automation).order_by("pk"))

    @cached_property
    def failure_modes(self) -> list[FailureMode]:
        return list(FailureMode.objects.filter(automation=self.automation).order_by("pk"))

    @cached_property
    def rejected_for(self) -> set[str]:
        """The reasons for which outputs were rejected, as far as a failure mode names any."""
        named = {mode.review_reason for mode in self.failure_modes} - {""}
        mine = Review.objects.filter(automation=self.automation, reason__in=named)
        return set(mine.order_by().values_list("reason", flat=True).distinct()) if named else set()

    @cached_property
    def exemptions(self) -> dict[int, Exemption]:
        """The exemptions that hold today, by box."""
        held = Exemption.objects.filter(
            automation=self.automation, ended_at=None, until__gte=self.today
        )
        return {exemption.number: exemption for exemption in held.select_related("by")}

    @cached_property
    def attestations(self) -> dict[int, Attestation]:
        """The newest attestation of each box, expired or not."""
        made = Attestation.objects.filter(automation=self.automation).select_related("by")
        return {attestation.number: attestation for attestation in made.order_by("pk")}

    # --- what runs -------------------------------------------------------------------------

    @cached_property
    def rules(self) -> list[ValidatorRule]:
        """The checks of the live version."""
        return list(self.live.validator_rules.all()) if self.live else []

    @cached_property
    def destinations(self) -> list[Destination]:
        """The destinations that are switched on."""
        return list(self.automation.destinations.active())

    @cached_property
    def drill(self) -> Drill | None:
        """The newest drill of the live version that has ended."""
        if self.live is None:
            return None
        ended = Drill.objects.filter(automation=self.automation, version=self.live)
        return ended.exclude(finished_at=None).order_by("-pk").first()

    @cached_property
    def is_being_drilled(self) -> bool:
        """Whether a drill of the live version is under way."""
        drills = Drill.objects.filter(automation=self.automation, version=self.live)
        return self.live is not None and drills.filter(finished_at=None).exists()

    @cached_property
    def ended(self) -> list[EndedRun]:
        """The newest runs that succeeded or failed, newest first; simulated ones included."""
        return runs.newest(self.slug)

    @cached_property
    def worked(self) -> list[EndedRun]:
        """Those that were meant, without the playground's and drills'; sample runs included."""
        return [run for run in self.ended if not run.is_simulated]

    @cached_property
    def proving(self) -> list[EndedRun]:
        """Those that may prove something about production: neither sample nor simulated."""
        return [run for run in self.worked if not run.is_sample]

    @cached_property
    def lately(self) -> list[EndedRun]:
        """Those that were meant and ended in the last 30 days."""
        return runs.since(self.worked, self.days_ago(WINDOW_DAYS))

    @cached_property
    def errors(self) -> list[ErrorGroup]:
        """The error groups of the last 30 days, the oldest first."""
        return runs.error_groups(self.slug, self.days_ago(WINDOW_DAYS))

    @staticmethod
    def remark(found: list[EndedRun]) -> str:
        """Say that what was found is sample data, where all or some of it is."""
        flags = {run.is_sample for run in found}
        if True not in flags:
            return ""
        return "Some of it is sample data." if False in flags else SAMPLE
