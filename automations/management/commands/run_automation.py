"""Run an automation once, in this process, through the same engine and ledger as a worker."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from tqdm import tqdm

from automations import services
from automations.errors import AutomationsError, Problem, WrongState
from automations.inputs import input_from_file, input_from_values
from automations.models import Automation, Control, Run, Version

GOOD = (Run.Status.SUCCESS, Run.Status.AWAITING_APPROVAL)
USAGE = 2
INTERRUPTED = 130
PATIENCE_S = 15.0
LEFT_AFTER = timedelta(seconds=45)  # the engine waits for what is due within a minute


class Command(BaseCommand):
    interrupted = False
    help = "Run an automation once and print its output (exit 0 success, 1 failed, 2 usage)."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Django's own --version gives way to ours.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the automation's short name, e.g. content_repurposer")
        parser.add_argument("--input", metavar="FILE", help="a text or JSON file; - is stdin")
        parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="pairs")
        parser.add_argument("--version", type=int, dest="number", metavar="N")
        parser.add_argument("--json", action="store_true", help="print the run as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        automation = find_automation(options["slug"])
        try:
            run = self._start_or_reject(automation, options)
        except AutomationsError as error:
            raise CommandError(str(error), returncode=USAGE) from error
        run = self._drive(run)
        self._print(run, as_json=options["json"])
        sys.exit(INTERRUPTED if self.interrupted else int(run.status not in GOOD))

    def _start_or_reject(self, automation: Automation, options: dict[str, Any]) -> Run:
        control = Control.current()
        if control.halted_at:
            why = f"All automations are stopped ({control.reason})"
            raise WrongState(f"{why}; release them with `manage.py halt --release`.")
        try:
            return self._start(automation, options)
        except Problem as problem:
            return services.record_rejected(
                automation, problem, by=services.SYSTEM, item=options["input"] or ""
            )

    def _start(self, automation: Automation, options: dict[str, Any]) -> Run:
        version = _find_version(automation, options["number"])
        values = input_from_values(automation, options["pairs"])
        if options["input"]:
            values = {**_read_input(automation, options["input"]), **values}
        if not values and not options["input"]:
            return self._start_from_source(automation)
        return services.submit_run(
            automation, values, by=services.SYSTEM, origin=services.SHELL, version=version
        )

    def _start_from_source(self, automation: Automation) -> Run:
        started = services.run_source(automation, by=services.SYSTEM, origin=services.SHELL)
        if isinstance(started, Run):
            return started
        raise CommandError(
            f"The source holds {started.total} items, queued as batch {started.pk}; "
            "follow it with a worker, or give one --input.",
            returncode=USAGE,
        )

    def _drive(self, run: Run) -> Run:
        from automations.engine.oneshot import drive

        if not run.is_final:
            with _clock(f"Run {run.pk} of {run.automation}"):
                drive(run_id=run.pk)
            run.refresh_from_db()
        if run.status in (Run.Status.QUEUED, Run.Status.RUNNING) and not _is_left(run):
            run = self._interrupted(run)
        return run

    def _interrupted(self, run: Run) -> Run:
        """Cancel the run, also when a worker took it over, and wait until that is so."""
        self.interrupted = True
        try:
            run = services.cancel_run(run, by=services.SYSTEM)
        except WrongState:  # it has ended in this very moment
            run.refresh_from_db()
        patience = time.monotonic() + PATIENCE_S
        while not run.is_final and time.monotonic() < patience:
            time.sleep(0.2)
            run.refresh_from_db(fields=["status", "error_message", "error_category"])
        return run

    def _print(self, run: Run, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(as_object(run), cls=DjangoJSONEncoder, ensure_ascii=False))
        elif run.status in GOOD:
            self.stdout.write(run.output_text)
        if run.answered_by:
            self._say(f"Run {run.pk}: answered by {run.model} at {run.answered_by}.")
        if run.status == Run.Status.AWAITING_APPROVAL:
            self._say(f"Run {run.pk} awaits approval; approve it on its page to deliver.")
        elif _is_left(run):
            self.stderr.write(
                f"Run {run.pk} has its output, which a worker delivers later: {run.error_message}"
            )
        elif run.status != Run.Status.SUCCESS:
            why = f"({run.error_category}): {run.error_message}" if run.error_category else "."
            self.stderr.write(f"Run {run.pk} {run.get_status_display().lower()} {why}")

    def _say(self, sentence: str) -> None:
        self.stderr.write(sentence, lambda plain: plain)  # not in the colour of errors


def _is_left(run: Run) -> bool:
    """Tell whether the run is made, and its destination is tried again too late to wait for."""
    later = run.available_at > timezone.now() + LEFT_AFTER
    return run.status == Run.Status.QUEUED and run.step == Run.Step.DELIVER and later


@contextmanager
def _clock(what: str) -> Iterator[None]:
    """Show on a terminal that time is passing; a small model takes most of a minute."""
    done = threading.Event()
    with tqdm(bar_format="{desc}: {elapsed} (Ctrl-C cancels)", desc=what, disable=None) as bar:
        ticking = threading.Thread(target=_tick, args=(bar, done), daemon=True)
        ticking.start()
        try:
            yield
        finally:
            done.set()
            ticking.join()


def _tick(bar: tqdm[NoReturn], done: threading.Event) -> None:
    while not done.wait(1):
        bar.refresh()


def as_object(run: Run) -> dict[str, Any]:
    """Return the run as commands print it."""
    return {
        "id": run.pk,
        "automation": run.automation_id,
        "status": run.status,
        "output_data": run.output_data,
        "error_category": run.error_category or None,
        "error_message": run.error_message,
        "error_code": run.error_code or None,
        "attempts": run.calls,
        "cost_usd": run.cost_usd,
        "execution_time_ms": run.execution_time_ms,
        "model": run.model or None,
        "answered_by": run.answered_by or None,
    }


def find_automation(slug: str) -> Automation:
    """Return the automation or end the command with the known names."""
    found = Automation.objects.filter(slug=slug).first()
    if found:
        return found
    known = ", ".join(Automation.objects.values_list("slug", flat=True)[:20])
    hint = f"known: {known}" if known else "there are none; try `manage.py load_demo`"
    raise CommandError(f"There is no automation {slug!r}; {hint}.", returncode=USAGE)


def _find_version(automation: Automation, number: int | None) -> Version | None:
    if number is None:
        return None
    found = automation.versions.filter(number=number).first()
    if found:
        return found
    raise CommandError(f"{automation} has no version {number}.", returncode=USAGE)


def _read_input(automation: Automation, name: str) -> dict[str, Any]:
    if name == "-":
        return input_from_file(automation, sys.stdin.buffer, name="standard input")
    path = Path(name)
    if not path.is_file():
        raise CommandError(f"There is no file {name}; check the path.", returncode=USAGE)
    with path.open("rb") as file:
        return input_from_file(automation, file, name=path.name)
