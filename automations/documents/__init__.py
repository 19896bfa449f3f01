"""Text from files: what people upload and what sources read, whatever its format.

Plain UTF-8 text is decoded here; everything that needs a parser or a guess is left to a child
process with bounded memory and time (`automations.sandbox`).
"""

from automations.documents.kinds import (
    ACCEPT,
    ENDINGS,
    ENDINGS_IN_WORDS,
    EXPECTED,
    Kind,
    kind_of,
    likely_kind,
    looks_like,
)
from automations.documents.reading import limit_of, require_size, text_of

__all__ = [
    "ACCEPT",
    "ENDINGS",
    "ENDINGS_IN_WORDS",
    "EXPECTED",
    "Kind",
    "kind_of",
    "likely_kind",
    "limit_of",
    "looks_like",
    "require_size",
    "text_of",
]
