"""The ground floor's errors: each message is one sentence for the operator that says what to do."""

from django.core.exceptions import PermissionDenied


class AutomationsError(Exception):
    """Anything this app raises on purpose."""


class NotAllowed(AutomationsError, PermissionDenied):
    """The person lacks the right; Django answers 403."""


class WrongState(AutomationsError):
    """The object is not in a state in which this can be done."""


class KeyUsed(WrongState):
    """An idempotency key came again with something else than the first time."""


class ChangedMeanwhile(WrongState):
    """Somebody saved the same thing in between; `names` are the fields that they changed."""

    def __init__(self, message: str, *, names: frozenset[str]) -> None:
        super().__init__(message)
        self.names = names


class NothingNew(WrongState):
    """A source that remembers holds only what was taken before."""


class UnknownKind(AutomationsError):
    """A registry has no class of that kind."""


class Problem(AutomationsError):
    """Something outside failed: a source, a provider, a destination, an input.

    `category` is a value of `Run.ErrorCategory`, `code` the fine cause in snake_case.
    """

    def __init__(self, message: str, *, category: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.category = category
        self.code = code
