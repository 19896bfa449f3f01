"""What several boxes ask of one automation, each asked of the database once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property

from django.utils import timezone

from automations.models import Automation, Run, Version
from automations.models.run import RunQuerySet
from lifecycle.models import Attestation, Decision, Exemption, Scorecard, Team


class Subject:
    """An automation at one moment."""

    def __init__(self, automation: Automation, now: datetime) -> None:
        self.automation = automation
        self.now = now

    @property
    def slug(self) -> str:
        return self.automation.slug

    @property
    def today(self) -> object:
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
    def scorecard(self) -> Scorecard | None:
        return Scorecard.objects.filter(automation=self.automation).newest_first().first()

    @cached_property
    def decision(self) -> Decision | None:
        """The newest decision on the current scorecard."""
        return self.scorecard.decisions.order_by("-pk").first() if self.scorecard else None

    @property
    def worked(self) -> RunQuerySet:
        """Runs that were meant: without the playground's and drills'; sample runs included."""
        runs: RunQuerySet = Run.objects.filter(automation_id=self.slug, is_simulated=False)
        return runs

    @property
    def proving(self) -> RunQuerySet:
        """Runs that may prove something about production: neither sample nor simulated."""
        return self.worked.evidence()

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
