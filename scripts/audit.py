"""Asks for known vulnerabilities in every pinned package; this is `make audit`."""

import json
import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "dev.txt"


def main() -> int:
    """Return 0 if all packages were looked up and none is vulnerable."""
    command = [sys.executable, "-m", "pip_audit", "--strict", "--require-hashes", "--disable-pip"]
    asked = subprocess.run(
        [*command, "--format=json", "--requirement", str(LOCK)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if not asked.stdout:
        print("pip-audit gave no answer: see its message above.", file=sys.stderr)
        return 1
    found = json.loads(asked.stdout)["dependencies"]
    vulnerable = [entry for entry in found if entry.get("vulns")]
    for entry in vulnerable:
        names = ", ".join(each["id"] for each in entry["vulns"])
        print(f"{entry['name']} {entry['version']}: {names}")
    pinned = len(_pinned())
    print(f"{len(found)} of {pinned} pinned packages asked about, {len(vulnerable)} vulnerable.")
    # It can skip packages and still say that all is well: count what it looked at.
    return int(bool(vulnerable) or len(found) != pinned or asked.returncode != 0)


def _pinned() -> list[str]:
    """Return the names that the lock installs on this machine."""
    lines = re.findall(r"^(\S+==.+?) \\$", LOCK.read_text(), re.MULTILINE)
    wanted = [Requirement(line) for line in lines]
    return [each.name for each in wanted if each.marker is None or each.marker.evaluate()]


if __name__ == "__main__":
    sys.exit(main())
