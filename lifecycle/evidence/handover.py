"""The boxes of phase 7: the handbook, its five documents, and what proves them."""

from __future__ import annotations

from lifecycle.evidence.base import Evidence, not_measured
from lifecycle.evidence.subject import Subject

NO_HANDBOOK = "there are no handbooks in this installation yet, so"


def purpose(_subject: Subject) -> Evidence:
    """Box 25: the purpose is written, with its value, owner and deputy."""
    return not_measured(f"{NO_HANDBOOK} no purpose is written in one.")


def architecture(_subject: Subject) -> Evidence:
    """Box 26: the diagram is drawn, and its hash equals the live version's."""
    return not_measured(f"{NO_HANDBOOK} no diagram is drawn.")


def dependencies(_subject: Subject) -> Evidence:
    """Box 27: the dependencies are listed, and their checks ran within 7 days."""
    return not_measured(f"{NO_HANDBOOK} no dependencies are listed and checked.")


def runbook(_subject: Subject) -> Evidence:
    """Box 28: the runbook is whole, its commands valid, rehearsed within 90 days by another."""
    return not_measured(f"{NO_HANDBOOK} no runbook was written and rehearsed.")


def troubleshooting(_subject: Subject) -> Evidence:
    """Box 29: a section for every error group with at least 5 % of the failures."""
    return not_measured(f"{NO_HANDBOOK} no troubleshooting guide is written.")
