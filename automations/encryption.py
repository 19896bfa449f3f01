"""Secrets at rest: encrypted with their own keys, bound to the row they belong to."""

import json

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from automations.errors import Problem


def seal(secret: str, *, binding: str) -> str:
    """Encrypt `secret` so that only the row named by `binding` can read it back.

    Raises:
        ImproperlyConfigured: FIELD_ENCRYPTION_KEY is missing or malformed.
    """
    return _fernet().encrypt(json.dumps([binding, secret]).encode()).decode()


def unseal(token: str, *, binding: str) -> str:
    """Return the secret in `token`.

    Raises:
        Problem: the key does not fit or the ciphertext belongs to another row.
    """
    try:
        bound_to, secret = json.loads(_fernet().decrypt(token.encode()))
    except InvalidToken as error:
        raise _unreadable("was encrypted with another FIELD_ENCRYPTION_KEY") from error
    if bound_to != binding:
        raise _unreadable("belongs to another row")
    return str(secret)


def rotate(token: str) -> str:
    """Re-encrypt `token` under the first of today's keys."""
    return _fernet().rotate(token.encode()).decode()


def _unreadable(why: str) -> Problem:
    message = f"The stored secret {why}; type it again on its provider's page."
    return Problem(message, category="authentication", code="secret_unreadable")


def _fernet() -> MultiFernet:
    keys = settings.FIELD_ENCRYPTION_KEYS
    if not keys:
        raise ImproperlyConfigured(
            "FIELD_ENCRYPTION_KEY is not set, so no secret can be stored. Run `make env` to make "
            "one, or name an environment variable instead of typing the key."
        )
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ImproperlyConfigured(
            "FIELD_ENCRYPTION_KEY is not a Fernet key (32 bytes, URL-safe base64)."
        ) from error
