"""Next steps that several boxes share: each leads to where something can be done now."""

from __future__ import annotations

from lifecycle.evidence.base import Link, to
from lifecycle.evidence.subject import Subject


def go_live(subject: Subject) -> Link:
    """Return the step for an automation without a live version: its newest version's page."""
    label, newest = "Publish a version and make it live", subject.newest_version
    if newest is None:
        return to(label, "automation_versions", subject.slug)
    return to(label, "version", newest.pk)


def run_it(subject: Subject) -> Link:
    """Return where it is run; before there is a live version, what makes it one."""
    return to("Run it", "automation_run", subject.slug) if subject.live else go_live(subject)


def drill_it(subject: Subject) -> Link:
    """Return where the live version is drilled; of a drill under way, where it is watched."""
    label = "Watch the drill" if subject.is_being_drilled else "Start a drill"
    return to(label, "drill", subject.slug)
