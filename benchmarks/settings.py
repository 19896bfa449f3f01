"""Production's settings on a scratch directory, which the benchmark names in its environment."""

import os
from pathlib import Path

from lifecycle.settings import *  # noqa: F403

SCRATCH = Path(os.environ["BENCHMARK_SCRATCH"])
LOCKS_DIR = SCRATCH / "locks"
EMBEDDED_DIR = SCRATCH / "embedded"
FILE_ROOTS = [SCRATCH / "files"]
