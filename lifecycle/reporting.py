"""The checklist for programs: one shape that the command and the API print."""

from __future__ import annotations

from datetime import date, datetime

from django.conf import settings
from django.urls import reverse
from pydantic import Field

from automations.api.shapes import Given, Stage
from lifecycle import progress
from lifecycle.checklists import BoxView, ChecklistView, Owed, PhaseView
from lifecycle.evidence.base import Link
from lifecycle.phases import State


class LinkOut(Given):
    """Words and an absolute address."""

    label: str
    url: str


class BoxOut(Given):
    """One of the 29 boxes."""

    number: int
    title: str
    must: bool = Field(description="May not be missing when its phase is left.")
    state: State
    why: str
    since: datetime | None = Field(description="Null while nobody has looked.")
    rows: list[LinkOut] = Field(description="What proves it.")
    next_step: LinkOut | None


class PhaseRef(Given):
    """The phase that is being worked on."""

    number: int
    title: str
    since: datetime | None


class PhaseOut(Given):
    """One of the seven phases."""

    number: int
    title: str
    satisfied: int
    total: int
    may_be_left: bool = Field(description="70 % of its boxes, and no must box missing.")
    boxes: list[BoxOut]


class OwedOut(Given):
    """A box that is missing in a phase that was left."""

    number: int
    title: str
    due_on: date
    is_late: bool


class ChecklistOut(Given):
    """The checklist of an automation."""

    automation: str
    name: str
    stage: Stage
    page: str = Field(description="The checklist's page for people.")
    phase: PhaseRef | None = Field(description="Null when all seven may be left.")
    satisfied: int
    total: int
    production_ready: bool = Field(description="All four lights are green, without exemptions.")
    next_step: LinkOut | None
    phases: list[PhaseOut]
    owed: list[OwedOut]
    evaluated_at: datetime | None


def report(view: ChecklistView) -> ChecklistOut:
    """Return a checklist as programs get it; addresses are absolute, below SITE_URL."""
    automation = view.automation
    return ChecklistOut(
        automation=automation.slug,
        name=automation.name,
        stage=automation.stage,  # type: ignore[arg-type]  # the column's choices
        page=_absolute(reverse("checklist", args=[automation.slug])),
        phase=_current(view),
        satisfied=view.satisfied,
        total=view.total,
        production_ready=progress.is_production_ready(view),
        next_step=_link(view.next_step),
        phases=[_phase(phase) for phase in view.phases],
        owed=[_owed(owed) for owed in view.owed],
        evaluated_at=view.evaluated_at,
    )


def _current(view: ChecklistView) -> PhaseRef | None:
    if view.current is None:
        return None
    phase = view.current.phase
    return PhaseRef(number=phase.number, title=phase.title, since=view.phase_since)


def _phase(view: PhaseView) -> PhaseOut:
    return PhaseOut(
        number=view.phase.number,
        title=view.phase.title,
        satisfied=view.satisfied,
        total=len(view.boxes),
        may_be_left=view.may_be_left,
        boxes=[_box(box) for box in view.boxes],
    )


def _box(view: BoxView) -> BoxOut:
    return BoxOut(
        number=view.box.number,
        title=view.box.title,
        must=view.box.must,
        state=view.state,
        why=view.why,
        since=view.since,
        rows=[LinkOut(label=link.label, url=_absolute(link.url)) for link in view.rows],
        next_step=_link(view.step),
    )


def _owed(owed: Owed) -> OwedOut:
    box = owed.view.box
    return OwedOut(number=box.number, title=box.title, due_on=owed.due_on, is_late=owed.is_late)


def _link(link: Link | None) -> LinkOut | None:
    return LinkOut(label=link.label, url=_absolute(link.url)) if link else None


def _absolute(url: str) -> str:
    return f"{settings.SITE_URL}{url}" if url.startswith("/") else url
