"""What one run is, for every peer: claim the row, ask the model, keep the answer, deliver it.

Runs in the peers' own environment, which knows neither Django nor Lifecycle. Plain and synchronous,
as their guides write it; the client and the connections are shared by the threads of a process.
"""

from __future__ import annotations

import os
import threading
import urllib.request
from functools import cache
from typing import Any

import openai
from psycopg_pool import ConnectionPool

BEGIN = (
    "UPDATE peer_runs SET status = 'running', started_at = clock_timestamp()"
    " WHERE id = %s RETURNING input"
)
ANSWERED = "UPDATE peer_runs SET output = %s WHERE id = %s"
END = "UPDATE peer_runs SET status = 'success', completed_at = clock_timestamp() WHERE id = %s"
_making = threading.Lock()


def do(run_id: int) -> None:
    """Do one run; three short transactions, so that a crash shows how far it was."""
    text = _write(BEGIN, run_id)
    message: Any = {"role": "user", "content": text}
    answer = _client().chat.completions.create(model="ok", messages=[message], max_tokens=600)
    output = answer.choices[0].message.content or ""
    _write(ANSWERED, output, run_id)
    _deliver(run_id, output)
    _write(END, run_id)


def _deliver(run_id: int, output: str) -> None:
    request = urllib.request.Request(
        f"{os.environ['PEER_PROVIDER']}/deliver/keyed",
        data=output.encode(),
        headers={"Idempotency-Key": f"run-{run_id}"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        reply.read()


def _write(sql: str, *values: Any) -> Any:
    with _pool().connection() as connection:
        cursor = connection.execute(sql, values)
        return cursor.fetchone()[0] if cursor.description else None  # type: ignore[index]


def _pool() -> ConnectionPool:
    with _making:
        return _made_pool()


@cache
def _made_pool() -> ConnectionPool:
    return ConnectionPool(os.environ["PEER_DATABASE"], min_size=1, max_size=16, open=True)


def _client() -> openai.OpenAI:
    with _making:
        return _made_client()


@cache
def _made_client() -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{os.environ['PEER_PROVIDER']}/v1", api_key="none")
