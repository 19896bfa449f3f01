"""The demo, from an empty database to a running server; this is `make demo`."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import environ

from scripts.environment import ROOT

INTERRUPTED = 130
RUN_FAILED = 1
ARTICLE = "lifecycle/demo/inputs/article.md"


@dataclass(frozen=True, slots=True)
class Step:
    """A manage.py command with the words that announce it."""

    title: str
    command: tuple[str, ...]


DATABASE = Step("Database", ("migrate", "--verbosity", "0"))
PORTFOLIO = Step("Demo portfolio", ("load_demo",))
MODEL = Step("The embedded model, fetched once", ("fetch_model",))
RUN = Step(
    f"content_repurposer makes a post from {ARTICLE} (a minute or so on a small machine)",
    ("run_automation", "content_repurposer", "--input", ARTICLE),
)
STANDS = Step("How far it is", ("show_checklist", "content_repurposer", "--brief"))
LOGIN = Step("Login", ("load_demo", "--login"))
SERVE = Step("Web and worker, until Ctrl-C", ("up",))
NO_ENGINE = (
    "The embedded model's engine does not load: {reason}. Install what it misses (libgomp.so.1 is "
    "in Debian's libgomp1), or name a provider in .env (OPENAI_API_KEY, OPENAI_BASE_URL)."
)
GOES_ON = (
    "    The run failed, as said above; nothing was delivered. A small model gets facts wrong now\n"
    "    and then, and checks are there to find it. Its page shows what happened; try it again."
)


def main() -> int:
    """Run the steps; serve unless DEMO_SERVE=0. Return the first failure's exit code."""
    environ.Env.read_env(str(ROOT / ".env"), overwrite=False)
    steps = _steps()
    if MODEL in steps and (reason := _engine_lacks()):
        print(NO_ENGINE.format(reason=reason), file=sys.stderr)
        return 1
    for number, step in enumerate(steps, start=1):
        print(f"\n--- {number} of {len(steps)}: {step.title}", flush=True)
        try:
            code = _run(step)
        except KeyboardInterrupt:
            return 0 if step is SERVE else _stopped()
        if code == INTERRUPTED:
            return _stopped()
        if code == RUN_FAILED and step is RUN and SERVE in steps:
            print(GOES_ON, flush=True)
        elif code:
            print(f"The demo ended at: {step.title}.", file=sys.stderr)
            return code
    return 0


def _stopped() -> int:
    print("\nStopped. The next `make demo` goes on from here.", file=sys.stderr)
    return INTERRUPTED


def _engine_lacks() -> str:
    """Return why the engine does not load, empty if it does: ask before fetching a gigabyte."""
    command = [sys.executable, "-c", "import xllamacpp"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return asked.stderr.strip().rpartition("\n")[2].partition(": ")[2] if asked.returncode else ""


def _steps() -> list[Step]:
    """Return what there is to do; a provider that the environment names needs no model of ours."""
    provided = os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL")
    steps = [DATABASE, PORTFOLIO, *([] if provided else [MODEL]), RUN, STANDS]
    return steps if os.environ.get("DEMO_SERVE") == "0" else [*steps, LOGIN, SERVE]


def _run(step: Step) -> int:
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "manage.py", *step.command], cwd=ROOT)
    try:
        code = process.wait()
    except KeyboardInterrupt:  # the terminal has sent it to the command as well
        process.wait()
        raise
    print(f"    ({time.monotonic() - started:.1f} s)", flush=True)
    return code if code >= 0 else 128 - code  # ended by a signal


if __name__ == "__main__":
    sys.exit(main())
