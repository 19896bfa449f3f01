"""Queue a run per row of a CSV or JSONL file."""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from automations import services
from automations.errors import AutomationsError
from automations.management.commands.run_automation import USAGE, find_automation
from automations.models import Automation, Batch, Run, Worker
from automations.rows import read_rows

OPEN = (Run.Status.QUEUED, Run.Status.RUNNING)
LATER = timedelta(minutes=1)


class Command(BaseCommand):
    help = "Queue a run per row of a CSV or JSONL file; with --wait, see it through."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("file", help="FILE.csv with a header line, or FILE.jsonl")
        parser.add_argument(
            "--wait",
            action="store_true",
            help="return when every run has ended or only waits for a destination that is down",
        )
        parser.add_argument(
            "--key", help="the same key again starts nothing, or completes what was cut short"
        )
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        automation = find_automation(options["slug"])
        path = Path(options["file"])
        try:
            batch = self._submit(automation, path, key=options["key"])
        except AutomationsError as error:
            raise CommandError(str(error), returncode=USAGE) from error
        if options["wait"]:
            self._see_through(batch)
        counts = summary(batch)
        line = json.dumps(counts) if options["json"] else _sentence(batch, counts)
        self.stdout.write(line)
        sys.exit(1 if options["wait"] and counts["failed"] else 0)

    def _submit(self, automation: Automation, path: Path, *, key: str | None) -> Batch:
        if not path.is_file():
            raise CommandError(f"There is no file {path}; check the path.", returncode=USAGE)
        total = sum(1 for _ in read_rows(automation, path))
        if not total:
            raise CommandError(f"{path.name} has no rows; nothing was queued.", returncode=USAGE)
        rows = tqdm(read_rows(automation, path), total=total, desc="queueing", disable=None)
        return services.submit_batch(automation, rows, by=services.SYSTEM, name=path.name, key=key)

    def _see_through(self, batch: Batch) -> None:
        if not Worker.alive().exists():
            self._work_here(batch)
        else:
            self._watch(batch)
        if waiting := batch.runs.filter(status__in=OPEN).count():
            self.stderr.write(f"{waiting} runs still wait; their page says for what.")

    def _watch(self, batch: Batch) -> None:
        with tqdm(total=batch.total, desc="running", disable=None) as bar:
            while _goes_on(batch):
                bar.update(_ended(batch) - bar.n)
                time.sleep(0.5)
            bar.update(_ended(batch) - bar.n)

    def _work_here(self, batch: Batch) -> None:
        """No worker is alive: do the work in this process."""
        from automations.engine.oneshot import drive

        self.stderr.write("No worker is alive, so this command does the work itself.")
        drive(batch_id=batch.pk)


def summary(batch: Batch) -> dict[str, int]:
    """Return the batch's counts as commands print them."""
    counts = batch.counts()
    ended = {status: counts.get(status, 0) for status in ("success", "failed", "cancelled")}
    return {"batch": batch.pk, "total": batch.total, **ended}


def _goes_on(batch: Batch) -> bool:
    """Tell whether runs are under way; what a destination's outage holds up for hours is not."""
    later = {"step": Run.Step.DELIVER, "status": Run.Status.QUEUED}
    runs = batch.runs.filter(status__in=OPEN)
    return runs.exclude(**later, available_at__gt=timezone.now() + LATER).exists()


def _ended(batch: Batch) -> int:
    return batch.runs.exclude(status__in=OPEN).count()


def _sentence(batch: Batch, counts: dict[str, int]) -> str:
    left = counts["total"] - counts["success"] - counts["failed"] - counts["cancelled"]
    return (
        f"Batch {batch.pk}: {counts['total']} runs, {counts['success']} success, "
        f"{counts['failed']} failed, {counts['cancelled']} cancelled, {left} to go."
    )
