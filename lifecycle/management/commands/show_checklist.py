"""Print the checklist of an automation."""

from __future__ import annotations

import json
import textwrap
from difflib import get_close_matches
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from automations.models import Automation
from lifecycle import checklists, progress
from lifecycle.checklists import BoxView, ChecklistView, PhaseView
from lifecycle.phases import State
from lifecycle.reporting import report

USAGE = 2
WIDTH = 96
MARKS = {
    State.MET: "[x]",
    State.EXEMPT: "[-]",
    State.NOT_MET: "[ ]",
    State.NOT_MEASURED: "[?]",
}


class Command(BaseCommand):
    help = "Print the 29 boxes of an automation, each with its evidence (exit 0; 2 usage)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the automation's short name, e.g. content_repurposer")
        parser.add_argument("--json", action="store_true", help="print it as one JSON object")
        parser.add_argument("--brief", action="store_true", help="print only where it stands")

    def handle(self, *args: Any, **options: Any) -> None:
        view = checklists.current(_find(options["slug"]))
        if options["json"]:
            shown = report(view).model_dump()
            self.stdout.write(json.dumps(shown, cls=DjangoJSONEncoder, ensure_ascii=False))
            return
        self._head(view)
        if not options["brief"]:
            for phase in view.phases:
                self._phase(phase)
            self._owed(view)

    def _head(self, view: ChecklistView) -> None:
        automation, current = view.automation, view.current
        stands = "all seven phases may be left"
        if current:
            since = timezone.localdate(view.phase_since) if view.phase_since else None
            when = f", since {progress.say_day(since)}" if since else ""
            stands = f"phase {current.phase.number}, {current.phase.title}{when}"
        what = f"{automation.slug} ({automation.get_stage_display().lower()})"
        self.stdout.write(f"{what}: {view.satisfied} of {view.total} boxes, {stands}")
        if view.next_step:
            address = report(view).next_step
            self.stdout.write(f"Next: {view.next_step.label}  {address.url if address else ''}")

    def _phase(self, phase: PhaseView) -> None:
        self.stdout.write("")
        title = f"{phase.phase.number}. {phase.phase.title}"
        self.stdout.write(self.style.MIGRATE_HEADING(title) + f"  {progress.rule(phase)}")
        for box in phase.boxes:
            self._box(box)

    def _box(self, view: BoxView) -> None:
        must = " (must)" if view.box.must else ""
        state = view.state.value.replace("_", " ")
        since = f", since {progress.say_day(timezone.localdate(view.since))}" if view.since else ""
        mark = MARKS[view.state]
        styled = self.style.SUCCESS(mark) if view.is_satisfied else mark
        self.stdout.write(f"  {styled} {view.box.number:>2} {view.box.title}{must}: {state}{since}")
        for line in textwrap.wrap(view.why, WIDTH - 9):
            self.stdout.write(f"         {line}")
        if view.step and not view.is_satisfied:
            self.stdout.write(f"         -> {view.step.label}")

    def _owed(self, view: ChecklistView) -> None:
        if view.owed:
            self.stdout.write("")
        for owed in view.owed:
            words = "Late, was due" if owed.is_late else "Owed by"
            self.stdout.write(f"{words} {progress.say_day(owed.due_on)}: {owed.view.box.title}")


def _find(slug: str) -> Automation:
    found = Automation.objects.filter(slug=slug[:255]).first() if "\x00" not in slug else None
    if found:
        return found
    known = list(Automation.objects.values_list("slug", flat=True))
    close = get_close_matches(slug, known, n=3, cutoff=0.5)
    if close:
        hint = f"did you mean {' or '.join(close)}?"
    elif known:
        hint = f"known: {', '.join(sorted(known)[:20])}."
    else:
        hint = "there are none; try `manage.py load_demo`."
    raise CommandError(f"There is no automation {slug!r}; {hint}", returncode=USAGE)
