"""What an automation is, and what happened when it ran."""

from automations.models.audit import AuditEvent
from automations.models.automation import Automation
from automations.models.batch import Batch
from automations.models.connection import Destination, Firing, SeenItem, Source, Trigger
from automations.models.control import Control, Worker
from automations.models.drill import Drill
from automations.models.hook import Hook, HookMessage
from automations.models.provider import Provider
from automations.models.run import Attempt, Delivery, Run
from automations.models.token import SCOPES, ApiToken, RefusedAddress
from automations.models.version import ValidatorRule, Version

__all__ = [
    "SCOPES",
    "ApiToken",
    "Attempt",
    "AuditEvent",
    "Automation",
    "Batch",
    "Control",
    "Delivery",
    "Destination",
    "Drill",
    "Firing",
    "Hook",
    "HookMessage",
    "Provider",
    "RefusedAddress",
    "Run",
    "SeenItem",
    "Source",
    "Trigger",
    "ValidatorRule",
    "Version",
    "Worker",
]
