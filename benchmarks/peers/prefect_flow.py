"""A Prefect flow as its guide begins: one task per run, mapped over a pool of threads."""

from __future__ import annotations

import sys

from prefect import flow, task  # type: ignore[import-not-found]
from prefect.task_runners import ThreadPoolTaskRunner  # type: ignore[import-not-found]

from benchmarks.peers import work


@task(name="do")  # type: ignore[untyped-decorator]
def do(run_id: int) -> None:
    """Do one run."""
    work.do(run_id)


def main(runs: int, threads: int) -> None:
    """Map the task over all runs and wait for them."""

    @flow(name="peers", task_runner=ThreadPoolTaskRunner(max_workers=threads))  # type: ignore[untyped-decorator]
    def everything() -> None:
        do.map(range(1, runs + 1)).wait()

    everything()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
