"""Set Django up, then do what one module is for: `python -m benchmarks.inside MODULE WISH`."""

from __future__ import annotations

import importlib
import json
import sys

import django

if __name__ == "__main__":
    django.setup()
    importlib.import_module(sys.argv[1]).main(json.loads(sys.argv[2]))
