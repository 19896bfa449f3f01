"""Verbs on success criteria: add, change, remove."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation
from automations.services import require
from automations.text import clean_text
from lifecycle import criteria
from lifecycle.models import Criterion

MAX_NOTE = 200
DECIMALS = -4


def add_criterion(
    automation: Automation, metric: str, operator: str, number: Decimal, *, by: Actor,
    note: str = "",
) -> Criterion:  # fmt: skip
    """Add an aim.

    Raises:
        NotAllowed: the person may not.
        ValidationError: an unknown metric or operator, or a number that is no aim.
        WrongState: there is one with this metric and operator already.
    """
    require(by, "lifecycle.add_criterion")
    row = Criterion(automation=automation, created_by_id=by.pk if by else None)
    _fill(row, metric, operator, number, note)
    with transaction.atomic():
        _keep(row)
        record("add criterion", row, by=by, after=_told(row))
    return row


def change_criterion(
    criterion: Criterion, metric: str, operator: str, number: Decimal, *, by: Actor, note: str = ""
) -> Criterion:
    """Change an aim; another metric, operator or number is dated, another note is not.

    Raises:
        NotAllowed: the person may not.
        ValidationError: an unknown metric or operator, or a number that is no aim.
        WrongState: it was removed, or there is one with this metric and operator already.
    """
    require(by, "lifecycle.change_criterion")
    with transaction.atomic():
        row = _held(criterion)
        before = _told(row)
        aim = (row.metric, row.operator, row.number)
        _fill(row, metric, operator, number, note)
        if aim != (row.metric, row.operator, row.number):
            row.changed_at = timezone.now()
        _keep(row)
        record("change criterion", row, by=by, before=before, after=_told(row))
    return row


def remove_criterion(criterion: Criterion, *, by: Actor) -> None:
    """Remove an aim.

    Raises:
        NotAllowed: the person may not.
        WrongState: it was removed already.
    """
    require(by, "lifecycle.delete_criterion")
    with transaction.atomic():
        row = _held(criterion)
        record("remove criterion", row, by=by, before=_told(row))
        row.delete()


def _held(criterion: Criterion) -> Criterion:
    held = Criterion.objects.select_for_update(of=("self",)).select_related("automation")
    row = held.filter(pk=criterion.pk).first()
    if row is None:
        raise WrongState("This criterion was removed already.")
    return row


def _fill(row: Criterion, metric: str, operator: str, number: Decimal, note: str) -> None:
    """Put what was sent on a row, as far as it is an aim."""
    if metric not in Criterion.Metric.values:
        raise ValidationError({"metric": "Choose one of the metrics."})
    if operator not in Criterion.Operator.values:
        raise ValidationError({"operator": "Choose one of the operators."})
    exact = _exact(number)
    if fault := criteria.fault_of(metric, operator, exact):
        raise ValidationError({"number": fault})
    told = clean_text(note).text.strip()
    if len(told) > MAX_NOTE:
        raise ValidationError({"note": f"A note has at most {MAX_NOTE} characters."})
    row.metric, row.operator, row.number, row.note = metric, operator, exact, told


def _exact(number: Decimal) -> Decimal:
    """Return a finite number of at most four decimals."""
    try:
        exact = Decimal(number)
    except (InvalidOperation, TypeError, ValueError):
        raise ValidationError({"number": "Write a number."}) from None
    exponent = exact.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValidationError({"number": "Write a number, not NaN or infinity."})
    if exponent < DECIMALS and exact.normalize().as_tuple().exponent < DECIMALS:  # type: ignore[operator]
        raise ValidationError({"number": "Use at most four decimals."})
    return exact


def _keep(row: Criterion) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        title, operator = criteria.title_of(row.metric), row.get_operator_display()
        raise WrongState(
            f"There is a criterion “{title} {operator} …” already; change that one."
        ) from error


def _told(row: Criterion) -> dict[str, object]:
    return {
        "metric": row.metric,
        "operator": row.operator,
        "number": f"{row.number.normalize():f}",
        "note": row.note,
    }
