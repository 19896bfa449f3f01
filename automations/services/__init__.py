"""What people and programs can do with automations: each verb checks the right first."""

from automations.services.acting import SYSTEM, require
from automations.services.connections import (
    move_to_stage,
    remove_connection,
    save_connection,
)
from automations.services.deliveries import approve_delivery, mark_delivered, send_again
from automations.services.providers import ask_for_test, set_key, store_test
from automations.services.schedules import fire_due_triggers
from automations.services.starting import (
    PERSON,
    SHELL,
    Origin,
    record_rejected,
    rerun,
    run_source,
    submit_batch,
    submit_run,
)
from automations.services.stopping import cancel_batch, cancel_run, halt, pause, resume, unhalt
from automations.services.versions import (
    create_automation,
    create_draft,
    default_rules,
    make_live,
    publish_version,
    release_version,
)

__all__ = [
    "PERSON",
    "SHELL",
    "SYSTEM",
    "Origin",
    "approve_delivery",
    "ask_for_test",
    "cancel_batch",
    "cancel_run",
    "create_automation",
    "create_draft",
    "default_rules",
    "fire_due_triggers",
    "halt",
    "make_live",
    "mark_delivered",
    "move_to_stage",
    "pause",
    "publish_version",
    "record_rejected",
    "release_version",
    "remove_connection",
    "require",
    "rerun",
    "resume",
    "run_source",
    "save_connection",
    "send_again",
    "set_key",
    "store_test",
    "submit_batch",
    "submit_run",
    "unhalt",
]
