"""What a replay takes and makes: the runs that can run again, why others cannot, the new runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from automations import connectors
from automations.models import Automation, Batch, Delivery, Destination, Run, Version
from automations.services.starting import Origin, from_item, new_run

FROM_START, FROM_DELIVERY = "start", "delivery"
LIVE, SAME = "live", "same"
MISSING, EVERY = "missing", "every"
TAKEN = ""
UNRESOLVED = "has a delivery of unknown outcome: resolve that on its page"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which runs: those ticked, or all that match a filter up to the newest when it was shown."""

    ids: tuple[int, ...] = ()
    status: str = ""
    automation: str = ""
    upto: int = 0
    origin: str = ""

    def runs(self) -> QuerySet[Run]:
        """Return the selected runs."""
        if self.ids:
            return Run.objects.filter(pk__in=self.ids)
        runs = Run.objects.filter(pk__lte=self.upto) if self.upto else Run.objects.all()
        runs = runs.filter(status=self.status) if self.status else runs
        runs = runs.filter(origin=self.origin) if self.origin else runs
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
    """How runs are repeated: from where, on which version, and to which destinations.

    `resends` takes, from the start, also what has arrived somewhere: it arrives again then.
    """

    start: str = FROM_START
    version: str = LIVE
    to: str = MISSING
    resends: bool = False


def faults(wish: Wish) -> list[tuple[str, Q]]:
    """Return why a run cannot be repeated so, the weightiest first: (reason, condition)."""
    found = [
        ("has not ended yet", ~Q(status__in=Run.FINAL)),
        ("was simulated in the playground or a drill", Q(is_simulated=True)),
        (UNRESOLVED, has_unknown()),
    ]
    if wish.start == FROM_DELIVERY:
        return found + _delivery_faults(wish)
    found.append(("has no input to run again", Q(input_data={}, source_item="")))
    if wish.version == SAME:
        gone = Q(version=None) | Q(version__published_at=None)
        found.append(("ran on a draft, which is not published", gone))
    if not wish.resends:
        found.append(("was delivered already and would be delivered again", has_arrived()))
    return found


def _family(levels: int) -> QuerySet[Run]:
    """Return the run of an outer query, so many levels out, with all that repeat the same run.

    Reruns of before the first run of a chain was kept are found one step down.
    """

    def outer(name: str) -> OuterRef:
        ref = OuterRef(name)
        for _ in range(levels - 1):
            ref = OuterRef(ref)
        return ref

    first = Coalesce(outer("rerun_root_id"), outer("pk"))
    return Run.objects.filter(
        Q(pk=outer("pk")) | Q(pk=first) | Q(rerun_root=first) | Q(rerun_of=outer("pk"))
    )


def _deliveries(state: str, levels: int = 2) -> QuerySet[Delivery]:
    return Delivery.objects.filter(run__in=_family(levels).values("pk"), state=state)


def has_unknown() -> Q:
    """Return the condition that a run, or one that repeats it, may have arrived and may not."""
    return Q(Exists(_deliveries(Delivery.State.UNKNOWN)))


def has_arrived() -> Q:
    """Return the condition that a run, or one that repeats it, has arrived outside."""
    kinds = [kind.kind for kind in connectors.destinations if kind.leaves]
    arrived = _deliveries(Delivery.State.DELIVERED).filter(destination__kind__in=kinds)
    return Q(Exists(arrived))


def _delivery_faults(wish: Wish) -> list[tuple[str, Q]]:
    found = [("has no output to deliver", Q(output_data__isnull=True) | Q(version=None))]
    active = Destination.objects.active().filter(automation__slug=OuterRef("automation_id"))
    if wish.to == MISSING:
        others = _family(1).exclude(pk=OuterRef("pk"))
        under_way = others.exclude(status__in=Run.FINAL)
        good = others.filter(status=Run.Status.SUCCESS)
        arrived = _deliveries(Delivery.State.DELIVERED, 3).filter(destination=OuterRef("pk"))
        found += [
            ("has arrived everywhere already", ~Q(Exists(active.exclude(Exists(arrived))))),
            ("is being run again already", Q(Exists(under_way))),
            ("was run again with success: choose that run instead", Q(Exists(good))),
        ]
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
    """Return a new run, not stored yet, for each of the originals, as the batch wishes."""
    if wish_of(batch).start == FROM_DELIVERY:
        return from_delivery(batch, originals)
    return from_start(batch, originals)


def from_delivery(batch: Batch, originals: Sequence[Run]) -> list[Run]:
    """Return a run for each of the originals that begins at its delivery."""
    status = _status_of_delivery(batch.automation)
    return [_delivered_again(batch, original, status) for original in originals]


def from_start(batch: Batch, originals: Sequence[Run]) -> list[Run]:
    """Return a run for each of the originals that begins with its input."""
    wish, live = wish_of(batch), batch.version or batch.automation.live_version
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
    """Note on a replay's new runs what has arrived before, so that only the rest is sent."""
    wish = wish_of(batch)
    if wish.start == FROM_DELIVERY and wish.to == MISSING:
        note_arrived(batch.automation, runs, _arrived_of_families(runs))


def copy_of_retried(batch: Batch, runs: Sequence[Run]) -> None:
    """Note on retried items what has arrived before; of a replay to everywhere, what it sent."""
    wish = wish_of(batch)
    sends_anew = wish.start == FROM_DELIVERY and wish.to == EVERY
    arrived = _arrived_of_originals(runs) if sends_anew else _arrived_of_families(runs)
    note_arrived(batch.automation, runs, arrived)


Arrived = dict[tuple[int, int], Delivery]


def note_arrived(automation: Automation, runs: Sequence[Run], arrived: Arrived) -> None:
    """Store the deliveries of new runs; `arrived` has them by new run and destination."""
    active = list(automation.destinations.active())
    Delivery.objects.bulk_create(
        _delivery(run, destination, arrived.get((run.pk, destination.pk)))
        for run in runs
        for destination in active
    )


def _arrived_of_originals(runs: Sequence[Run]) -> Arrived:
    new_of = {run.rerun_of_id: run.pk for run in runs}
    found = Delivery.objects.filter(run__in=list(new_of), state=Delivery.State.DELIVERED)
    return {(new_of[d.run_id], d.destination_id): d for d in found}


def _arrived_of_families(runs: Sequence[Run]) -> Arrived:
    """Return what originals and all that repeat them have delivered, the earliest of each."""
    roots = {run.rerun_root_id for run in runs}
    originals = {run.rerun_of_id for run in runs}
    members = Run.objects.filter(
        Q(pk__in=roots) | Q(rerun_root__in=roots) | Q(rerun_of__in=originals) | Q(pk__in=originals)
    )
    rows = members.values_list("pk", "rerun_root", "rerun_of")
    family_of = {pk: root or of or pk for pk, root, of in rows}
    found = Delivery.objects.filter(run__in=members.values("pk"), state=Delivery.State.DELIVERED)
    by_family: dict[int, list[Delivery]] = defaultdict(list)
    for delivery in found.order_by("-delivered_at"):
        by_family[family_of[delivery.run_id]].append(delivery)
    return {
        (run.pk, delivery.destination_id): delivery
        for run in runs
        for family in {run.rerun_of_id or 0, run.rerun_root_id or 0}
        for delivery in by_family.get(family, [])
    }


def _delivery(run: Run, destination: Destination, earlier: Delivery | None) -> Delivery:
    key = Delivery.key_for(run.pk, destination.pk)
    if earlier is None:
        return Delivery(run=run, destination=destination, key=key, created_at=timezone.now())
    return Delivery(
        run=run, destination=destination, key=key, state=Delivery.State.DELIVERED,
        delivered_at=earlier.delivered_at, reference=earlier.reference,
    )  # fmt: skip
