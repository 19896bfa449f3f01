"""What can go wrong while an output is handed over."""

from automations.errors import Problem


class DeliveryProblem(Problem):
    """A destination did not take the output.

    `retry`: trying again can help; `postpone`: it takes nothing now, which costs no try and is
    asked again until it does; `retry_after_s`: the receiver asked for this pause;
    `maybe_delivered`: the receiver may have it all the same, so nobody but an idempotent
    destination may be sent it again unasked; `switch_off`: the receiver wants nothing any more.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        retry: bool = False,
        postpone: bool = False,
        retry_after_s: float | None = None,
        maybe_delivered: bool = False,
        switch_off: bool = False,
    ) -> None:
        super().__init__(message, category="delivery_error", code=code)
        self.retry = retry
        self.postpone = postpone
        self.retry_after_s = retry_after_s
        self.maybe_delivered = maybe_delivered
        self.switch_off = switch_off
