"""The text of an API token: made, told apart from other text, hashed. Pure functions.

`lc_`, 8 public characters, 32 secret ones and a checksum of 6, all base62: 49 in all. The checksum
(CRC-32, as in GitHub's tokens) lets a scanner and a typo be recognised without a database.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

MARK = "lc_"
PUBLIC, SECRET, CHECK = 8, 32, 6
ALPHABET = string.digits + string.ascii_letters
_SHAPE = re.compile(rf"{MARK}[0-9A-Za-z]{{{PUBLIC + SECRET + CHECK}}}")


@dataclass(frozen=True, slots=True)
class TokenText:
    """A token's parts: the prefix that finds its row, and the secret that proves it."""

    prefix: str
    secret: str = field(repr=False)

    @property
    def secret_hash(self) -> str:
        """SHA-256 in hex; a secret of 190 random bits needs no slow hash."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    @property
    def text(self) -> str:
        """The whole token, as it is shown once."""
        body = f"{self.prefix}{self.secret}"
        return f"{body}{checksum(body)}"


def make_token() -> TokenText:
    """Return a new random token."""
    return TokenText(f"{MARK}{_random(PUBLIC)}", _random(SECRET))


def read_token(text: str) -> TokenText | None:
    """Return the parts of a token; None when it is none, or its checksum is wrong."""
    if not _SHAPE.fullmatch(text) or checksum(text[:-CHECK]) != text[-CHECK:]:
        return None
    end = len(MARK) + PUBLIC
    return TokenText(text[:end], text[end:-CHECK])


def checksum(body: str) -> str:
    """Return the CRC-32 of what precedes it, as 6 base62 digits."""
    left, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECK):
        left, digit = divmod(left, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
