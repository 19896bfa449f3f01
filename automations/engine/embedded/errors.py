"""What can go wrong on the way to an embedded model."""

from automations.errors import AutomationsError, Problem


class EmbeddedUnavailable(Problem):
    """No embedded model can answer; the message says what to do about it."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message, category="api_error", code=code)


class FetchRefused(AutomationsError):
    """One place that might have held the weights did not give them; the next one may."""
