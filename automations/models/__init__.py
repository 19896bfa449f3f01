"""What an automation is, and what happened when it ran."""

from automations.models.audit import AuditEvent
from automations.models.automation import Automation
from automations.models.batch import Batch
from automations.models.connection import Destination, Source, Trigger
from automations.models.control import Control, Worker
from automations.models.provider import Provider
from automations.models.run import Attempt, Delivery, Run
from automations.models.version import ValidatorRule, Version

__all__ = [
    "Attempt",
    "AuditEvent",
    "Automation",
    "Batch",
    "Control",
    "Delivery",
    "Destination",
    "Provider",
    "Run",
    "Source",
    "Trigger",
    "ValidatorRule",
    "Version",
    "Worker",
]
