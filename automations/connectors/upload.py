"""Source: a text file given with the run."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings as django_settings

from automations.connectors.base import Source
from automations.errors import Problem
from automations.text import decode_text, human_size, one_line

ENDINGS = (".txt", ".md", ".markdown")


class UploadSource(Source):
    """A file that a person uploads; it becomes the input field `content`."""

    kind = "upload"
    label = "Upload"
    help = f"A text file ({', '.join(ENDINGS)}) is uploaded with each run."

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return "a text file uploaded with each run"

    def from_upload(self, name: str, data: bytes) -> dict[str, Any]:
        """Return the input that a file makes.

        Raises `Problem` (source_error): not_accepted by its ending, too_large, or not_text.
        """
        shown = one_line(PurePosixPath(name.replace("\\", "/")).name)
        _require_ending(shown)
        _require_size(shown, len(data))
        return {"content": decode_text(data, name=shown)}


def _require_ending(name: str) -> None:
    if not name.lower().endswith(ENDINGS):
        raise Problem(
            f"{name or 'This file'} is not accepted; upload a text file that ends in "
            f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.",
            category="source_error",
            code="not_accepted",
        )


def _require_size(name: str, size: int) -> None:
    limit = django_settings.MAX_INPUT_BYTES
    if size > limit:
        raise Problem(
            f"{name} has {human_size(size)}; at most {human_size(limit)} are read, so split it.",
            category="source_error",
            code="too_large",
        )
