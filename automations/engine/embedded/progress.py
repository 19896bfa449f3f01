"""Progress bars on stderr for the steps that take long."""

import sys
from collections.abc import Callable
from typing import Protocol

from tqdm import tqdm

SECONDS_BETWEEN_LINES_IN_A_LOG = 5.0


class Bar(Protocol):
    """One step on its way; `update` takes the bytes done since the last call."""

    def update(self, n: int) -> object: ...

    def close(self) -> None: ...


Progress = Callable[[str, int, int], Bar]


def terminal_bar(title: str, total_bytes: int, done_bytes: int) -> Bar:
    """Open a progress bar on stderr; slow and plain where stderr is a log."""
    bar: Bar = tqdm(
        desc=title,
        total=total_bytes,
        initial=done_bytes,
        unit="B",
        unit_scale=True,
        file=sys.stderr,
        dynamic_ncols=True,
        mininterval=0.1 if sys.stderr.isatty() else SECONDS_BETWEEN_LINES_IN_A_LOG,
    )
    return bar
