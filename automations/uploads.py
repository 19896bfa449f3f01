"""Uploads are cut off at the size a batch may have, while they arrive and not after."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

TOO_LARGE = "upload_too_large"


class CappedUpload(FileUploadHandler):
    """Drops a file that grows past MAX_BATCH_BYTES and marks its request with `upload_too_large`.

    It stands before Django's own handlers and lets everything else through to them.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin to count."""
        super().new_file(*args, **kwargs)
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass a chunk on; past the limit the rest of the file is read and thrown away."""
        self.received += len(raw_data)
        if self.received > settings.MAX_BATCH_BYTES:
            setattr(self.request, TOO_LARGE, True)
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        """Leave the file to the handlers that keep it."""
        return None
