"""Verbs on money and effort: record a period, measure its costs, log hours."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation
from automations.services import require
from lifecycle.models import Effort, ProfitPeriod
from lifecycle.models.profit import installation_today
from lifecycle.profit import measured, overlapping

log = logging.getLogger(__name__)

MEASURED = ("model_cost_usd", "unpriced_runs", "review_seconds", "measured_at")
OPEN_DAYS = 7  # so long after its end a period's costs may still grow: reviews come late
GONE = "This period was removed in the meantime; add it again if it is still wanted."


def save_period(period: ProfitPeriod, *, by: Actor) -> ProfitPeriod:
    """Keep a new or changed period with its costs measured; saved time is worth hours x rate.

    Raises:
        NotAllowed: the person may not record profit.
        ValidationError: a bad amount or day, or days that overlap a period of the same kind.
        WrongState: the period was removed while it was being changed.
    """
    require(by, f"lifecycle.{'change' if period.pk else 'add'}_profitperiod")
    period.clean_fields(exclude={"gross_usd"})
    period.work_out()
    period.full_clean()
    with transaction.atomic():
        # Two people who record the same days at once: the second sees the first one's period.
        Automation.objects.select_for_update(no_key=True).get(pk=period.automation_id)
        stored = _stored(period)
        _refuse_overlap(period)
        if period._state.adding:
            period.created_by_id = by.pk if by else None
        _set_measured(period, timezone.now())
        period.save()
        _measure_sharing(period, *([stored] if stored else []))
        before = _facts(stored) if stored else {}
        record("save profit period", period, by=by, before=before, after=_facts(period))
    return period


def _stored(period: ProfitPeriod) -> ProfitPeriod | None:
    return None if period._state.adding else _locked(period)


def _locked(period: ProfitPeriod) -> ProfitPeriod:
    stored = ProfitPeriod.objects.select_for_update().filter(pk=period.pk).first()
    if stored is None:
        raise WrongState(GONE)
    return stored


def _measure_sharing(*periods: ProfitPeriod) -> None:
    """Measure the later periods that share days with these: who carries which costs has changed."""
    later = {row.pk: row for period in periods for row in overlapping(period)}
    for pk in sorted(later):
        if pk > periods[0].pk:
            measure_period(later[pk])


def _refuse_overlap(period: ProfitPeriod) -> None:
    same = ProfitPeriod.objects.filter(automation=period.automation_id, kind=period.kind)
    touching = same.filter(starts_on__lte=period.ends_on, ends_on__gte=period.starts_on)
    other = touching.exclude(pk=period.pk).order_by("starts_on").first()
    if other is None:
        return
    raise ValidationError(
        f"These days overlap the {other.get_kind_display().lower()} period from "
        f"{other.starts_on:%Y-%m-%d} to {other.ends_on:%Y-%m-%d}; "
        "choose other days, or change that period."
    )


def _set_measured(period: ProfitPeriod, now: datetime) -> None:
    found = measured(period)
    period.model_cost_usd = found.model_cost_usd
    period.unpriced_runs = found.unpriced_runs
    period.review_seconds = found.review_seconds
    period.measured_at = now


def _facts(period: ProfitPeriod) -> dict[str, Any]:
    names = ("kind", "starts_on", "ends_on", "hours_saved", "hour_rate_usd", "gross_usd")
    measures = ("review_rate_usd", "model_cost_usd", "unpriced_runs", "review_seconds", "note")
    return {name: _plain(getattr(period, name)) for name in (*names, *measures)}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else str(value)


def measure_period(period: ProfitPeriod, *, now: datetime | None = None) -> ProfitPeriod:
    """Measure a stored period's costs anew, on the days it has now; nothing else changes.

    Raises:
        WrongState: the period was removed in the meantime.
    """
    with transaction.atomic():
        stored = _locked(period)
        _set_measured(stored, now or timezone.now())
        stored.save(update_fields=MEASURED)
    return stored


def measure_again(period: ProfitPeriod, *, by: Actor) -> ProfitPeriod:
    """Measure a period's costs anew because a person asks.

    Raises:
        NotAllowed: the person may not change profit periods.
        WrongState: the period was removed in the meantime.
    """
    require(by, "lifecycle.change_profitperiod")
    with transaction.atomic():
        before = _facts(_locked(period))
        stored = measure_period(period)
        record("measure profit period", stored, by=by, before=before, after=_facts(stored))
    return stored


def measure_open_periods(now: datetime | None = None) -> int:
    """Measure the periods that ended less than 7 days ago; return how many. Called hourly.

    Each in its own transaction: one that breaks is logged and keeps no other from being measured.
    """
    first = installation_today() - timedelta(days=OPEN_DAYS)
    still_open = ProfitPeriod.objects.filter(ends_on__gt=first, is_sample=False)
    return sum(_was_measured(period, now) for period in still_open.order_by("pk"))


def _was_measured(period: ProfitPeriod, now: datetime | None) -> bool:
    try:
        measure_period(period, now=now)
    except WrongState:  # removed since the list was read
        return False
    except Exception:
        log.exception("The costs of profit period %s could not be measured", period.pk)
        return False
    return True


def remove_period(period: ProfitPeriod, *, by: Actor) -> None:
    """Remove a period; the audit trail keeps what it said.

    Raises:
        NotAllowed: the person may not remove profit periods.
        WrongState: it is gone already.
    """
    require(by, "lifecycle.delete_profitperiod")
    with transaction.atomic():
        Automation.objects.select_for_update(no_key=True).get(pk=period.automation_id)
        record("remove profit period", period, by=by, before=_facts(period))
        stored = ProfitPeriod.objects.select_for_update().filter(pk=period.pk).first()
        if stored is None:
            raise WrongState("This period was removed already.")
        ProfitPeriod.objects.filter(pk=period.pk).delete()
        _measure_sharing(stored)


def log_effort(effort: Effort, *, by: Actor) -> Effort:
    """Log hours that the acting person spent.

    Raises:
        NotAllowed: the person may not log effort.
        ValidationError: no such phase, a day to come, or hours that no day has.
    """
    require(by, "lifecycle.add_effort")
    effort.by_id = by.pk if by else None
    effort.full_clean(exclude={"by"})
    with transaction.atomic():
        effort.save()
        record("log effort", effort, by=by, after=_effort_facts(effort))
    return effort


def remove_effort(effort: Effort, *, by: Actor) -> None:
    """Remove logged hours: one's own, or anybody's with the right to delete.

    Raises:
        NotAllowed: somebody else's hours.
        WrongState: they are gone already.
    """
    own = by is not None and by.pk is not None and effort.by_id == by.pk
    require(by, "lifecycle.add_effort" if own else "lifecycle.delete_effort")
    with transaction.atomic():
        record("remove effort", effort, by=by, before=_effort_facts(effort))
        gone, _ = Effort.objects.filter(pk=effort.pk).delete()
        if not gone:
            raise WrongState("These hours were removed already.")


def _effort_facts(effort: Effort) -> dict[str, Any]:
    return {"phase": effort.phase, "on": str(effort.on), "hours": str(effort.hours)}
