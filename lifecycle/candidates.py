"""What is known of a version that is not live yet: how its boxes would stand if it were."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from automations.models import Version
from lifecycle import evidence, phases
from lifecycle.evidence.subject import Subject
from lifecycle.models import BoxState
from lifecycle.phases import Box, State

# The boxes that ask about the live version: quality, drill, input and output checks.
OF_THE_VERSION = (5, 8, 9, 10)


@dataclass(frozen=True, slots=True)
class Prospect:
    """How one box would stand with another live version; `opens`: it is satisfied today."""

    box: Box
    state: State
    why: str
    opens: bool

    @property
    def is_satisfied(self) -> bool:
        return self.state in phases.SATISFIED


def prospects(version: Version) -> list[Prospect]:
    """Return the boxes that ask about the live version, as they would stand with this one.

    The number of queries does not grow with the runs.
    """
    now = timezone.now()
    subject = Subject(version.automation, now)
    subject.live = version
    found = evidence.look_at(subject, OF_THE_VERSION)
    held = BoxState.objects.filter(
        checklist__automation=version.automation, number__in=found, state__in=phases.SATISFIED
    )
    satisfied = set(held.values_list("number", flat=True))
    return [
        Prospect(
            phases.BOXES[number],
            shown.state,
            shown.why,
            number in satisfied and shown.state not in phases.SATISFIED,
        )
        for number, shown in found.items()
    ]
