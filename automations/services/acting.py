"""Who acts, and whether they may."""

from __future__ import annotations

from typing import Any

from automations.audit import Actor
from automations.errors import NotAllowed


class System:
    """The acting user of schedules and commands: the machine itself, which may do everything."""

    pk = None

    def has_perm(self, _right: str) -> bool:
        return True


SYSTEM: Any = System()


def require(by: Actor, right: str) -> None:
    """Refuse a person without the right `app.codename`.

    Raises:
        NotAllowed: with a sentence that names the right and who can give it.
    """
    if by is not None and by.has_perm(right):  # type: ignore[union-attr]
        return
    raise NotAllowed(
        f"You lack the right “{right}”; ask an administrator to add you to a role that has it."
    )


def require_one(by: Actor, *rights: str) -> None:
    """Refuse a person who has none of these rights.

    Raises:
        NotAllowed: with a sentence that names the first of them.
    """
    if by is None or not any(by.has_perm(right) for right in rights):  # type: ignore[union-attr]
        require(by, rights[0])
