"""Two signs between the supervisor and its workers, in memory that a fork shares; lock-free."""

import multiprocessing
import time

_drain = multiprocessing.RawValue("b", 0)
_life = multiprocessing.RawValue("d", 0.0)


def tell_to_drain() -> None:
    """Ask every pump of this process tree to stop claiming and finish."""
    _drain.value = 1


def told_to_drain() -> bool:
    """Tell whether this tree is shutting down."""
    return bool(_drain.value)


def show_life() -> None:
    """Leave word that a worker of this tree is doing something."""
    _life.value = time.time()


def silent_for_s() -> float:
    """Return for how many seconds no worker of this tree has shown life."""
    return time.time() - float(_life.value)


def reset() -> None:
    """Start the count afresh, for a new tree."""
    _drain.value = 0
    show_life()
