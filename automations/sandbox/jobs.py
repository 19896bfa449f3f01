"""The fixed list of what may run in a child process: functions of ours, never names from data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Job:
    """A function `(payload: dict, data: bytes) -> JSON` and how messages speak of it.

    `purpose` is whose outbound allowance applies when the job is given the network; a job
    without one never gets it.
    """

    function: str
    doing: str
    advice: str
    category: str
    purpose: str = ""


JOBS: Mapping[str, Job] = MappingProxyType(
    {
        "document": Job(
            function="automations.documents.extract:extract",
            doing="Reading the file",
            advice="give a smaller or simpler file, or its text",
            category="source_error",
        ),
        "feed": Job(
            function="automations.documents.feeds:entries",
            doing="Reading the feed",
            advice="check that the address is a feed and that the feed is well",
            category="source_error",
        ),
        "apprise": Job(
            function="automations.notices:notify",
            doing="Sending the notice",
            advice="look whether it arrived before sending again",
            category="delivery_error",
            purpose="destination",
        ),
    }
)
