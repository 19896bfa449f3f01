"""A Celery application as its guide begins: Redis as broker, results thrown away, threads."""

from __future__ import annotations

import os
import sys

from celery import Celery, group  # type: ignore[import-not-found]

from benchmarks.peers import work

app = Celery("peers", broker=os.environ["PEER_REDIS"])
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


@app.task(name="peers.do")  # type: ignore[untyped-decorator]
def do(run_id: int) -> None:
    """Do one run."""
    work.do(run_id)


if __name__ == "__main__":
    group(do.s(run_id) for run_id in range(1, int(sys.argv[1]) + 1)).apply_async()
