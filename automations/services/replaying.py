"""What a replay takes and makes: the runs that can run again, why others cannot, the new runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from automations import connectors
from automations.models import Automation, Batch, Delivery, Destination, Run, Version
from automations.services.starting import Origin, from_item, new_run

FROM_START, FROM_DELIVERY = "start", "delivery"
LIVE, SAME = "live", "same"
MISSING, EVERY = "missing", "every"
TAKEN = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which runs: those ticked, or all that match a filter up to the newest when it was shown."""

    ids: tuple[int, ...] = ()
    status: str = ""
    automation: str = ""
    upto: int = 0

    def runs(self) -> QuerySet[Run]:
        """Return the selected runs."""
        if self.ids:
            return Run.objects.filter(pk__in=self.ids)
        runs = Run.objects.filter(pk__lte=self.upto) if self.upto else Run.objects.all()
        runs = runs.filter(status=self.status) if self.status else runs
        return runs.filter(automation_id=self.automation) if self.automation else runs

    def as_json(self) -> dict[str, Any]:
        """Return what `Selection.of` reads back."""
        return {**asdict(self), "ids": list(self.ids)}

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Selection:
        """Return the selection that was stored."""
        return cls(**{**stored, "ids": tuple(stored["ids"])})


@dataclass(frozen=True, slots=True)
class Wish:
    """How runs are repeated: from where, on which version, and to which destinations."""

    start: str = FROM_START
    version: str = LIVE
    to: str = MISSING


def faults(wish: Wish) -> list[tuple[str, Q]]:
    """Return why a run cannot be repeated so, the weightiest first: (reason, condition)."""
    found = [
        ("has not ended yet", ~Q(status__in=Run.FINAL)),
        ("was simulated in the playground or a drill", Q(is_simulated=True)),
    ]
    if wish.start == FROM_DELIVERY:
        return found + _delivery_faults(wish)
    found.append(("has no input to run again", Q(input_data={}, source_item="")))
    if wish.version == SAME:
        gone = Q(version=None) | Q(version__published_at=None)
        found.append(("ran on a draft, which is not published", gone))
    return found


def _delivery_faults(wish: Wish) -> list[tuple[str, Q]]:
    sent = Delivery.objects.filter(run=OuterRef("pk"))
    unknown = sent.filter(state=Delivery.State.UNKNOWN)
    found = [
        ("has no output to deliver", Q(output_data__isnull=True) | Q(version=None)),
        ("has a delivery of unknown outcome: resolve that on its page", Q(Exists(unknown))),
    ]
    active = Destination.objects.active().filter(automation__slug=OuterRef("automation_id"))
    if wish.to == MISSING:
        arrived = Delivery.objects.filter(
            run=OuterRef(OuterRef("pk")), destination=OuterRef("pk"),
            state=Delivery.State.DELIVERED,
        )  # fmt: skip
        found.append(
            ("has arrived everywhere already", ~Q(Exists(active.exclude(Exists(arrived)))))
        )
    else:
        found.append(("has no active destination", ~Q(Exists(active))))
    return found


def judged(runs: QuerySet[Run], wish: Wish) -> QuerySet[Any]:
    """Annotate `reason`: why a run is left out; empty for those that are taken."""
    whens = [When(condition, then=Value(reason)) for reason, condition in faults(wish)]
    return runs.annotate(reason=Case(*whens, default=Value(TAKEN)))


def selection_of(batch: Batch) -> Selection:
    """Return what a replay batch was made from."""
    return Selection.of(batch.options["selection"])


def wish_of(batch: Batch) -> Wish:
    """Return how a batch repeats runs; one that is no replay begins again on the live version."""
    return Wish(**batch.options["wish"]) if batch.kind == Batch.Kind.REPLAY else Wish()


def next_originals(batch: Batch, count: int) -> list[Run]:
    """Return the next runs to repeat, by key, after those that were taken before."""
    mine = selection_of(batch).runs().filter(
        automation_id=batch.automation.slug, pk__gt=batch.options.get("after", 0),
    )  # fmt: skip
    rows = judged(mine, wish_of(batch)).filter(reason=TAKEN).order_by("pk")
    return list(rows.select_related("version__automation")[:count])


def again(batch: Batch, originals: Sequence[Run]) -> list[Run]:
    """Return a new run, not stored yet, for each of the originals."""
    wish, automation = wish_of(batch), batch.automation
    live = batch.version or automation.live_version
    if wish.start == FROM_DELIVERY:
        status = _status_of_delivery(automation)
        return [_delivered_again(batch, original, status) for original in originals]
    return [
        _run_again(batch, original, original.version if wish.version == SAME else live)
        for original in originals
    ]


def _run_again(batch: Batch, original: Run, version: Version | None) -> Run:
    assert version is not None  # noqa: S101  narrows: others were left out
    origin, by = Origin(Run.Origin.REPLAY, rerun_of=original), batch.created_by
    if original.source_item and not original.input_data:
        return from_item(version, original.source_item, by=by, origin=origin)
    return new_run(version, original.input_data, by=by, origin=origin)


def _delivered_again(batch: Batch, original: Run, status: str) -> Run:
    """Return a run that begins at its delivery with the output that is there; no model is asked."""
    version = original.version
    assert version is not None  # noqa: S101  narrows: others were left out
    origin = Origin(Run.Origin.REPLAY, rerun_of=original)
    run = new_run(version, original.input_data, by=batch.created_by, origin=origin)
    run.step, run.status = Run.Step.DELIVER, status
    run.output_data, run.verdicts = original.output_data, original.verdicts
    run.model, run.answered_by = original.model, original.answered_by
    run.source_item, run.estimated_tokens, run.cost_usd = original.source_item, 0, 0
    run.depth = original.depth
    return run


def _status_of_delivery(automation: Automation) -> str:
    """What needs approval is approved again: what was approved then may not fit today."""
    active = automation.destinations.active()
    leaves = any(connectors.destinations.get(d.kind).leaves for d in active)
    asked = automation.approval_required and leaves
    return Run.Status.AWAITING_APPROVAL if asked else Run.Status.QUEUED


def copy_deliveries(batch: Batch, runs: Sequence[Run]) -> None:
    """Note on new runs what has arrived from their originals, so that only the rest is sent."""
    wish = wish_of(batch)
    if wish.start != FROM_DELIVERY or wish.to == EVERY:
        return
    arrived = {
        (delivery.run_id, delivery.destination_id): delivery
        for delivery in Delivery.objects.filter(
            run__in=[run.rerun_of_id for run in runs], state=Delivery.State.DELIVERED
        )
    }
    active = list(batch.automation.destinations.active())
    Delivery.objects.bulk_create(
        _delivery(run, destination, arrived.get((run.rerun_of_id or 0, destination.pk)))
        for run in runs
        for destination in active
    )


def _delivery(run: Run, destination: Destination, earlier: Delivery | None) -> Delivery:
    key = Delivery.key_for(run.pk, destination.pk)
    if earlier is None:
        return Delivery(run=run, destination=destination, key=key, created_at=timezone.now())
    return Delivery(
        run=run, destination=destination, key=key, state=Delivery.State.DELIVERED,
        delivered_at=earlier.delivered_at, reference=earlier.reference,
    )  # fmt: skip
