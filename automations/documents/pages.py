"""PDF to text: the text layer, page by page; what has none is not guessed at."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from automations.documents import problems
from automations.errors import Problem

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PAGES = 2_000


def text_of_pdf(name: str, data: bytes) -> str:
    """Return the text of all pages, blank lines between them.

    Raises `Problem` (source_error): password_protected, too_large, suspicious_file, no_text,
    broken_file.
    """
    from pypdf.errors import LimitReachedError, PyPdfError  # noqa: PLC0415

    try:
        return _text(name, data)
    except (Problem, MemoryError):
        raise
    except LimitReachedError as error:
        what = "unpacks to far more than it holds, as harmful files do"
        raise problems.suspicious(name, what) from error
    except RecursionError as error:
        raise problems.suspicious(name, "refers to itself without end") from error
    # A PDF of the wild can break its reader in any of these ways.
    except (PyPdfError, ValueError, LookupError, TypeError, AttributeError, OSError,
            ArithmeticError, NotImplementedError, AssertionError) as error:  # fmt: skip
        raise problems.broken(name, "PDF") from error


def _text(name: str, data: bytes) -> str:
    from pypdf import PdfReader  # noqa: PLC0415

    reader = PdfReader(BytesIO(data))
    _unlock(name, reader)
    count = len(reader.pages)
    if count > MAX_PAGES:
        raise problems.too_large(name, f"has {count:,} pages; at most {MAX_PAGES:,} are read")
    texts = [page.extract_text().strip() for page in reader.pages]
    text = "\n\n".join(text for text in texts if text)
    if not text:
        why = "has no text layer, as scanned pages have none; run OCR on it first"
        raise problems.without_text(name, why)
    return text


def _unlock(name: str, reader: PdfReader) -> None:
    """Open a file that only forbids printing or copying; one with a password stays shut."""
    from pypdf.errors import DependencyError  # noqa: PLC0415

    try:
        if reader.is_encrypted and not reader.decrypt(""):
            raise problems.locked(name)
    except (DependencyError, NotImplementedError) as error:
        raise problems.locked(name) from error
