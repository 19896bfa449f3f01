"""Writes .env from .env.example with fresh keys; this is `make env`."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRESH: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "FIELD_ENCRYPTION_KEY": lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(),
}


def main() -> None:
    """Write the file for its owner alone; one that exists is left as it is."""
    target = ROOT / ".env"
    if target.exists():
        return
    partial = ROOT / ".env.partial"
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(_filled((ROOT / ".env.example").read_text()))
    partial.rename(target)
    print("Wrote .env with fresh keys; .env.example explains each line.")


def _filled(example: str) -> str:
    """Return the example with a fresh value on every line that waits for a key."""
    for name, make in FRESH.items():
        example = example.replace(f"\n{name}=\n", f"\n{name}={make()}\n")
    return example


if __name__ == "__main__":
    main()
