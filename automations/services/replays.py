"""The verb that repeats runs, and the preview of what it would do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Q
from django.utils import timezone

from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation, Batch, Version
from automations.queue import tend_on_commit
from automations.services.acting import require
from automations.services.holding import STAGES
from automations.services.replaying import (
    FROM_START,
    SAME,
    TAKEN,
    Selection,
    Wish,
    has_arrived,
    judged,
)
from automations.services.starting import runnable


@dataclass(slots=True)
class Share:
    """What a replay would do with the runs of one automation."""

    automation: Automation
    version: Version | None = None
    taken: int = 0
    resent: int = 0
    of_versions: list[tuple[str, int]] = field(default_factory=list)
    left_out: list[tuple[str, int]] = field(default_factory=list)
    problem: str = ""

    @property
    def goes(self) -> bool:
        return bool(self.taken) and not self.problem


def bounded(selection: Selection) -> Selection:
    """Return the selection with its upper end fixed, so that newer runs do not slip in."""
    if selection.ids or selection.upto:
        return selection
    newest = selection.runs().aggregate(newest=Max("pk"))["newest"] or 0
    return replace(selection, upto=newest)


def preview(selection: Selection, wish: Wish) -> list[Share]:
    """Return, per automation, how many runs a replay takes and why it leaves others out."""
    rows = (
        judged(selection.runs(), wish)
        .order_by()
        .values("automation_id", "version__number", "reason")
        .annotate(n=Count("pk"), again=Count("pk", filter=_resent(wish)))
    )
    shares: dict[str, Share] = {}
    found = sorted(rows, key=lambda r: (r["automation_id"], -(r["version__number"] or 0)))
    automations = Automation.objects.select_related("live_version__provider").in_bulk(
        {row["automation_id"] for row in found}, field_name="slug"
    )
    for row in found:
        slug = row["automation_id"]
        share = shares.setdefault(slug, Share(automations[slug]))
        _add(share, row["reason"], row["version__number"], row["n"])
        share.resent += row["again"] if row["reason"] == TAKEN else 0
    for share in shares.values():
        _judge(share)
    return list(shares.values())


def _resent(wish: Wish) -> Q:
    """Return which of the taken runs arrive a second time."""
    return has_arrived() if wish.start == FROM_START and wish.resends else Q(pk=None)


def _add(share: Share, reason: str, number: int | None, count: int) -> None:
    if reason == TAKEN:
        share.taken += count
        share.of_versions.append((f"v{number}" if number else "no version", count))
        return
    earlier = dict(share.left_out)
    share.left_out = list({**earlier, reason: earlier.get(reason, 0) + count}.items())


def _judge(share: Share) -> None:
    try:
        share.version = runnable(share.automation)
    except WrongState as error:
        share.problem = str(error)


def start_replay(
    selection: Selection, wish: Wish, *, by: Actor, key: str, canary: bool = True
) -> list[Batch]:
    """Repeat the selected runs, as one batch per automation; the same key starts nothing twice.

    With a canary one run goes first, then five, then the rest, each when those before succeeded.

    Raises:
        NotAllowed: the person may not start runs.
        WrongState: none of the runs can be repeated; the message has the reasons.
    """
    require(by, "automations.start_run")
    first = list(Batch.objects.filter(idempotency_key=key).order_by("pk")) if key else []
    if first:
        return first
    fixed = bounded(selection)
    shares = preview(fixed, wish)
    if not any(share.goes for share in shares):
        raise WrongState(_why_none(shares))
    try:
        with transaction.atomic():
            return [
                _start(share, fixed, wish, by=by, key=key, canary=canary)
                for share in shares
                if share.goes
            ]
    except IntegrityError:
        # The same form sent twice at the same moment: the other one was first.
        return list(Batch.objects.filter(idempotency_key=key).order_by("pk"))


def _why_none(shares: list[Share]) -> str:
    if not shares:
        return "No run is selected; choose some on the list of runs."
    first = shares[0]
    if first.problem:
        return first.problem
    reasons = "; ".join(f"{n} {reason}" for reason, n in first.left_out)
    return f"None of these runs can be repeated so: {reasons}."


def _start(
    share: Share, selection: Selection, wish: Wish, *, by: Actor, key: str, canary: bool
) -> Batch:
    has_canary = canary and share.taken > 1
    batch = Batch.objects.create(
        automation=share.automation,
        version=None if wish.version == SAME else share.version,
        name=f"Replay of {share.taken:,} run{'s' if share.taken > 1 else ''}",
        kind=Batch.Kind.REPLAY,
        state=Batch.State.LOADING,
        created_by_id=by.pk if by else None,
        idempotency_key=key or None,
        options={"selection": selection.as_json(), "wish": asdict(wish), "rows": share.taken},
        canary_stage=STAGES[0] if has_canary else None,
        needs_worker=True,
        loaded_at=timezone.now(),
    )
    after = {"runs": share.taken, "canary": has_canary, **asdict(wish)}
    record("start replay", batch, by=by, after=after)
    tend_on_commit(batch.pk)
    return batch


def chosen_versions(share: Share, wish: Wish) -> str:
    """Say in words on which version the runs of a share would go."""
    if wish.version == SAME:
        return "each on its own version"
    live = share.version or share.automation.live_version
    return f"v{live.number}, the live version" if live else "no live version"
