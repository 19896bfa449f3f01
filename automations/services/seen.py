"""What a source has given already: left out of later runs, and forgotten when a person says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.db import transaction

from automations import connectors
from automations.audit import Actor, record
from automations.connectors.base import Item, found_in_words
from automations.models import Automation, SeenItem, Source
from automations.services.acting import require

# One transaction notes the items and queues their runs: the rest is new again at the next time.
LARGEST_TAKE = 1_000
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Look:
    """What a source holds: how many were seen, what a run would take, what it passes by."""

    total: int
    fresh: list[Item]
    passed_by: list[Item]


def look_at(source: Source) -> Look:
    """List a source and tell what of it is new (blocking).

    Raises:
        Problem: the source cannot be listed.
    """
    kind = connectors.sources.get(source.kind)(source.settings)
    if not kind.remembers:
        items = kind.items()
        return Look(len(items), items, [])
    # Where the newest come first, all must be seen before the oldest new ones are known.
    total, fresh = _new_of(source, kind, LARGEST_TAKE if kind.first_take is None else None)
    if kind.first_take is None:
        return Look(total, kind.filled(fresh[:LARGEST_TAKE]), [])
    known = source.seen_items.exists()
    newest = fresh if known else fresh[: kind.first_take]
    # The kind lists the newest first; runs are started in the order in which things happened.
    return Look(total, kind.filled(newest[::-1][:LARGEST_TAKE]), fresh[len(newest) :])


def _new_of(source: Source, kind: connectors.Source, enough: int | None) -> tuple[int, list[Item]]:
    """Return how many items were looked at, and the new ones; stop once there are `enough`."""
    total, fresh = 0, []
    for page in kind.pages():
        total += len(page)
        fresh += unseen(source, page)
        if enough is not None and len(fresh) >= enough:
            break
    return total, fresh


def examine_source(source: Source) -> tuple[str, dict[str, Any]]:
    """Reach a source and read the first item that a run would take (blocking).

    Returns a sentence and a sample: `{"total", "new", "text", "items"}`, the last two only where
    something is new. Raises `Problem` (source_error).
    """
    kind = connectors.sources.get(source.kind)(source.settings)
    if not kind.lists():
        return kind.test()
    look = look_at(source)
    return found_in_words(kind, look.total, look.fresh)


def remembering(automation: Automation) -> Source | None:
    """Return the automation's source if it takes each item once."""
    source: Source | None = getattr(automation, "source", None)
    if source and connectors.sources.get(source.kind)(source.settings).remembers:
        return source
    return None


def unseen(source: Source, items: Sequence[Item]) -> list[Item]:
    """Return the items that were not taken before, each once."""
    by_hash = {_hash(item.key): item for item in reversed(items)}
    seen: set[str] = set()
    for chunk in _chunks(list(by_hash)):
        found = SeenItem.objects.filter(source=source, key_hash__in=chunk)
        seen.update(found.values_list("key_hash", flat=True))
    return [item for hashed, item in reversed(by_hash.items()) if hashed not in seen]


def take(source: Source, items: Sequence[Item]) -> list[Item]:
    """Note the items as seen and return those that nobody took meanwhile.

    To be called in the transaction that queues their runs; others wait for the source's row.
    """
    Source.objects.select_for_update().get(pk=source.pk)
    fresh = unseen(source, items)
    _note(source, fresh)
    return fresh


def pass_by(source: Source, items: Sequence[Item]) -> None:
    """Note items as seen without running them: what was there before the first time."""
    if items:
        with transaction.atomic():
            take(source, items)


def forget_seen(source: Source, *, by: Actor) -> int:
    """Forget what a source has given, so that the next run takes it again; return how many.

    Raises:
        NotAllowed: the person may not change sources.
    """
    require(by, "automations.change_source")
    with transaction.atomic():
        count, _ = SeenItem.objects.filter(source=source).delete()
        record("forget seen items", source, by=by, before={"seen": count}, after={"seen": 0})
    return count


def _note(source: Source, items: Sequence[Item]) -> None:
    rows = [SeenItem(source=source, key_hash=_hash(i.key), key=i.key[:1_000]) for i in items]
    SeenItem.objects.bulk_create(rows, batch_size=CHUNK)


def _hash(key: str) -> str:
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _chunks(hashes: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(hashes), CHUNK):
        yield hashes[start : start + CHUNK]
