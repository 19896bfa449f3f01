"""What people and programs can do with automations: each verb checks the right first."""

from automations.services.acting import SYSTEM, require, require_one
from automations.services.batches import (
    cancel_batch,
    continue_batch,
    discard_batch,
    draft_from_file,
    draft_from_source,
    expire_drafts,
    map_columns,
    pause_batch,
    resume_batch,
    start_batch,
    submit_batch,
)
from automations.services.calls import CallRefused, authenticate_call, find_hook, take_call
from automations.services.chaining import start_after
from automations.services.connections import (
    move_to_stage,
    remove_connection,
    require_move,
    require_place,
    save_connection,
)
from automations.services.deliveries import approve_delivery, mark_delivered, send_again
from automations.services.drafts import draft_like, save_draft
from automations.services.drills import judge_drill, judge_open_drills, start_drill
from automations.services.hooks import (
    end_old_secret,
    reseal,
    rotate_address,
    rotate_secret,
    save_trigger,
)
from automations.services.providers import ask_for_test, set_key, store_test
from automations.services.replays import start_replay
from automations.services.retrying import retry_failed, retry_item, unresolved_in
from automations.services.rules import move_check, remove_check, save_check
from automations.services.schedules import fire_due_triggers, fire_near_triggers, fire_trigger
from automations.services.seen import examine_source, forget_seen
from automations.services.starting import (
    PERSON,
    SHELL,
    TRY,
    Origin,
    record_rejected,
    rerun,
    run_source,
    submit_once,
    submit_run,
    try_pair,
    try_version,
)
from automations.services.stopping import cancel_run, halt, pause, resume, unhalt
from automations.services.tending import tend_batch, tend_due_batches
from automations.services.testing import (
    ask_for_connection_test,
    ask_for_test_message,
    store_connection_test,
    switch_off_destination,
)
from automations.services.tokens import create_token, revoke_token
from automations.services.versions import (
    APPROVERS_ONLY,
    create_automation,
    create_draft,
    default_rules,
    make_live,
    publish_version,
    require_live,
)

__all__ = [
    "APPROVERS_ONLY",
    "PERSON",
    "SHELL",
    "SYSTEM",
    "TRY",
    "CallRefused",
    "Origin",
    "approve_delivery",
    "ask_for_connection_test",
    "ask_for_test",
    "ask_for_test_message",
    "authenticate_call",
    "cancel_batch",
    "cancel_run",
    "continue_batch",
    "create_automation",
    "create_draft",
    "create_token",
    "default_rules",
    "discard_batch",
    "draft_from_file",
    "draft_from_source",
    "draft_like",
    "end_old_secret",
    "examine_source",
    "expire_drafts",
    "find_hook",
    "fire_due_triggers",
    "fire_near_triggers",
    "fire_trigger",
    "forget_seen",
    "halt",
    "judge_drill",
    "judge_open_drills",
    "make_live",
    "map_columns",
    "mark_delivered",
    "move_check",
    "move_to_stage",
    "pause",
    "pause_batch",
    "publish_version",
    "record_rejected",
    "remove_check",
    "remove_connection",
    "require",
    "require_live",
    "require_move",
    "require_one",
    "require_place",
    "rerun",
    "reseal",
    "resume",
    "resume_batch",
    "retry_failed",
    "retry_item",
    "revoke_token",
    "rotate_address",
    "rotate_secret",
    "run_source",
    "save_check",
    "save_connection",
    "save_draft",
    "save_trigger",
    "send_again",
    "set_key",
    "start_after",
    "start_batch",
    "start_drill",
    "start_replay",
    "store_connection_test",
    "store_test",
    "submit_batch",
    "submit_once",
    "submit_run",
    "switch_off_destination",
    "take_call",
    "tend_batch",
    "tend_due_batches",
    "try_pair",
    "try_version",
    "unhalt",
    "unresolved_in",
]
