"""Serve web and worker together until stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from automations.processes import die_with_parent

MANAGE = Path(settings.BASE_DIR) / "manage.py"
STOP_S = 45.0


class Command(BaseCommand):
    help = "Migrate, then run the web server and the supervised worker together (Ctrl-C stops)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1:8000", metavar="HOST:PORT")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        stop: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: stop.append(received))
        env = environment(os.environ, options["bind"])
        worker = [sys.executable, str(MANAGE), "worker"]
        children = [_spawn(command, env) for command in (_web(options["bind"]), worker)]
        self.stdout.write(f"Lifecycle is up: http://{options['bind']}/  (Ctrl-C stops it)")
        while not stop and all(child.poll() is None for child in children):
            time.sleep(0.3)
        failed = [child for child in children if child.poll() not in (None, 0)]
        _end(children)
        self.stdout.write("Stopped.")
        if failed and not stop:
            self.stderr.write("One of the two ended by itself; its log is above.")
            sys.exit(1)


def _web(bind: str) -> list[str]:
    return [
        sys.executable, "-m", "gunicorn", "lifecycle.wsgi:application",
        "--bind", bind, "--workers", "2", "--threads", "4",
        "--preload", "--no-control-socket", "--access-logfile", "-",
        "--limit-request-line", "4094",
    ]  # fmt: skip


def environment(outer: Mapping[str, str], bind: str) -> dict[str, str]:
    """Return the children's environment: what is served at `bind` is what links and curls say.

    SITE_URL stays what the environment or `.env` says.
    """
    host, _, port = bind.rpartition(":")
    if {"SITE_URL", "SITE_URL_FILE"} & outer.keys() or not port.isdigit():
        return dict(outer)
    reached = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104
    return {**outer, "SITE_URL": f"http://{reached}:{port}"}


def _spawn(command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C reaches only this process, which stops the children in order;
    # a child whose parent is killed ends with it.
    return subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        start_new_session=True,
        env=env,
        preexec_fn=partial(die_with_parent, signal.SIGTERM),  # noqa: PLW1509  single-threaded here
    )


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + STOP_S
    for child in children:
        try:
            child.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
