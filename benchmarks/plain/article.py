"""The article's way: five threads that share one synchronous client; nothing is written down."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai

from benchmarks.inside.child import cpu_s, say
from benchmarks.inside.text import TEXT

THREADS = 5


def main(asked: dict[str, Any]) -> None:
    """Make `runs` calls and say when each ended, in seconds since the first began."""
    client = openai.OpenAI(base_url=f"{asked['provider']}/v1", api_key="none")
    boot_cpu_s = cpu_s()
    first = time.monotonic()

    def call(_: int) -> float:
        client.chat.completions.create(
            model="ok", messages=[{"role": "user", "content": TEXT}], max_tokens=600
        )
        return time.monotonic() - first

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        completed_s = sorted(pool.map(call, range(asked["runs"])))
    used = {"cpu_s": cpu_s() - boot_cpu_s, "boot_cpu_s": boot_cpu_s}
    say({"completed_s": completed_s, **used})
