"""Call our commands as a shell does: exit code, standard output, standard error."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from django.core.management import CommandError, call_command


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The last line of the output, which is one JSON object."""
        parsed: dict[str, Any] = json.loads(self.out.strip().splitlines()[-1])
        return parsed


def call(command: str, *arguments: str, stdin: bytes = b"") -> Said:
    """Call a management command with these words and bytes on standard input."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))):
        try:
            call_command(command, *arguments, stdout=out, stderr=err)
        except SystemExit as end:
            code = int(end.code or 0)
        except CommandError as error:
            code = error.returncode
            err.write(str(error))
    return Said(code, out.getvalue(), err.getvalue())
