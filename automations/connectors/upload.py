"""Source: a document given with the run."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from automations import documents
from automations.connectors.base import Source


class UploadSource(Source):
    """A file that a person uploads; its text becomes the input."""

    kind = "upload"
    label = "Upload"
    help = (
        f"A file is uploaded with each run: {documents.ENDINGS_IN_WORDS}. Its text is the input; "
        "pictures and scanned pages are not read."
    )

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return "a file uploaded with each run"

    def from_upload(self, name: str, data: bytes) -> dict[str, Any]:
        """Return the input that a file makes.

        Raises `Problem` (source_error): not_accepted by its ending, too_large, not_text, and the
        other codes of `documents.text_of`.
        """
        last = PurePosixPath(name.replace("\\", "/")).name
        return {"content": documents.text_of(last, data)}
