"""What comes of a call: an answer, or a failure in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from automations.errors import Problem

_ADVICE = {
    "dns_error": "check the host's name",
    "network_error": "check the address and the network, then try again",
    "tls_error": "check that the address and its certificate belong together",
    "timeout": "try again, or allow more time",
    "response_too_large": "ask for less",
    "unwanted_encoding": "check what stands between us and the server",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, whatever its status; header names are matched in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OutboundFailed(Problem):
    """The call was tried and brought no answer.

    `what` is the cause without its frame, for callers that word their own sentence. `maybe_sent`
    is False only when the other side certainly never received the request.
    """

    def __init__(self, what: str, *, host: str, code: str, category: str) -> None:
        super().__init__(
            f"The call to {host} failed: {what}; {_ADVICE[code]}.", category=category, code=code
        )
        self.what = what
        self.maybe_sent = True
