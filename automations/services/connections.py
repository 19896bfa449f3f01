"""Verbs on connections and stages: where input comes from, where output goes, how far it is."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import ProtectedError

from automations import connectors, schemas
from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation, Destination, Source, Trigger
from automations.models.connection import Tested
from automations.services import fitting
from automations.services.acting import require, require_one
from automations.services.loops import refuse_loop

Connection = Source | Destination | Trigger


def save_connection(connection: Connection, *, by: Actor) -> Connection:
    """Keep a source, destination or trigger with settings that its kind accepts.

    Raises:
        NotAllowed: the person may not edit automations.
        ValidationError: the settings are not what the kind needs, or an active schedule has an
            input (field `input`) on which its automation could never run.
    """
    model = type(connection)._meta.model_name
    require(by, f"automations.{'change' if connection.pk else 'add'}_{model}")
    connection.full_clean()
    if isinstance(connection, Trigger):
        _require_usable(connection)
    else:
        _require_target(connection)
        refuse_loop(connection)
    with transaction.atomic():
        stored = type(connection)._default_manager.filter(pk=connection.pk).first()
        before = _settings(stored)
        if isinstance(connection, Tested) and stored and _reached(stored) != _reached(connection):
            connection.forget_test()
        connection.save()
        record(f"save {model}", connection, by=by, before=before, after=_settings(connection))
    return connection


def _reached(connection: Connection) -> tuple[str, Any]:
    """Return what a test is about."""
    return connection.kind, connection.settings


def remove_connection(connection: Destination | Trigger, *, by: Actor) -> None:
    """Remove a destination or trigger.

    Raises:
        WrongState: deliveries were made to the destination; it can only be switched off.
    """
    model = type(connection)._meta.model_name
    require(by, f"automations.delete_{model}")
    try:
        with transaction.atomic():
            record(f"remove {model}", connection, by=by, before=_settings(connection))
            connection.delete()
    except ProtectedError as error:
        message = (
            f"{connection} has deliveries in the ledger; switch it off instead of removing it."
        )
        raise WrongState(message) from error


def move_to_stage(automation: Automation, stage: str, *, by: Actor) -> Automation:
    """Move an automation between stages; into and out of production needs the approver's right.

    Raises:
        NotAllowed: as `require_move`.
        WrongState: no such stage, or production without a live version.
    """
    require_move(automation, stage, by=by)
    require_place(automation, stage)
    with transaction.atomic():
        before = {"stage": automation.stage}
        automation.stage = stage
        automation.save(update_fields=["stage", "updated_at"])
        record("move to stage", automation, by=by, before=before, after={"stage": stage})
    return automation


def require_move(automation: Automation, stage: str, *, by: Actor) -> None:
    """Refuse who may not move it there: production, in or out, takes the approver's right.

    Raises:
        NotAllowed: with a sentence that names the right.
    """
    production = Automation.Stage.PRODUCTION in (stage, automation.stage)
    early = () if production else ("automations.change_automation",)
    require_one(by, *early, "automations.make_live")


def require_place(automation: Automation, stage: str) -> None:
    """Refuse a stage that does not exist or in which this automation cannot be.

    Raises:
        WrongState: no such stage, or production without a live version.
    """
    if stage not in Automation.Stage.values:
        raise WrongState(f"There is no stage {stage[:40]!r}; choose one of the four.")
    if stage == Automation.Stage.PRODUCTION and automation.live_version_id is None:
        raise WrongState(f"{automation} has no live version; publish one and make it live first.")


def _require_target(connection: Source | Destination) -> None:
    """Refuse to hand outputs to an automation that does not exist or takes another input."""
    if not isinstance(connection, Destination) or connection.kind != "automation":
        return
    slug = connection.settings["automation"]
    target = Automation.objects.filter(slug=slug).first()
    if target is None:
        raise ValidationError({"automation": f"There is no automation {slug}; choose another."})
    fitting.require_fit(connection, target)


def _require_usable(trigger: Trigger) -> None:
    """Refuse an active trigger that could start nothing."""
    if not trigger.is_active:
        return
    if trigger.kind == "schedule":
        _require_runnable_input(trigger)
    source = getattr(trigger.automation, "source", None)
    if trigger.kind == "object_event" and (source is None or source.kind != "object_store"):
        raise ValidationError(
            "This automation does not read an object store; set its source to one first."
        )


def _require_runnable_input(trigger: Trigger) -> None:
    """Refuse a schedule of which every run would fail; one that is off may stay as it is."""
    given = trigger.settings.get("input")
    if given:
        problems = schemas.errors_in(given, trigger.automation.input_schema)
    elif _has_items(trigger.automation):
        problems = []
    else:
        problems = ["This source holds nothing by itself; write the input of each run."]
    if problems:
        raise ValidationError({"input": problems})


def _has_items(automation: Automation) -> bool:
    """Tell whether the source's kind can list things to run on."""
    source = getattr(automation, "source", None)
    if source is None:
        return False
    return connectors.sources.get(source.kind).items is not connectors.base.Source.items


def _settings(row: models.Model | None) -> dict[str, Any]:
    if row is None:
        return {}
    names = ("name", "kind", "settings", "is_active")
    return {name: getattr(row, name) for name in names if hasattr(row, name)}
