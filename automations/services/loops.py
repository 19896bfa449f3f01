"""Chains of automations: who starts whom, and circles, which are refused."""

from __future__ import annotations

from collections import defaultdict, deque

from django.core.exceptions import ValidationError

from automations.models import Automation, Destination, Source

CHAIN = "automation"


def find_loop(source_slug: str, target_slug: str) -> list[str]:
    """Return the circle that output of `source_slug` going to `target_slug` would close.

    The slugs in the order of the flow, the first one again at the end; empty when there is none.
    """
    before: dict[str, str] = {target_slug: source_slug}
    waiting = deque([target_slug])
    followers = _followers()
    while waiting:
        here = waiting.popleft()
        if here == source_slug:
            return _path(before, source_slug)
        for slug in followers[here]:
            if slug not in before:
                before[slug] = here
                waiting.append(slug)
    return []


def refuse_loop(connection: Destination | Source) -> None:
    """Refuse a connection to another automation that would close a circle.

    Raises:
        ValidationError: naming the circle, on the field `automation`.
    """
    other = connection.settings.get("automation", "")
    if connection.kind != CHAIN or not other or not getattr(connection, "is_active", True):
        return
    mine = connection.automation.slug
    source, target = (mine, other) if isinstance(connection, Destination) else (other, mine)
    if loop := find_loop(source, target):
        circle = " -> ".join(loop)
        sentence = f"The automations would start each other for ever: {circle}. Choose another."
        raise ValidationError({"automation": sentence})


def upstream_of(automation: Automation) -> list[Destination]:
    """Return the destinations of other automations that start this one, the inactive included."""
    chains = Destination.objects.filter(kind=CHAIN, settings__automation=automation.slug)
    return list(chains.select_related("automation").order_by("automation__name", "pk"))


def _followers() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    sent = Destination.objects.active().filter(kind=CHAIN)
    for slug, settings in sent.values_list("automation__slug", "settings"):
        found[slug].append(str(settings.get("automation", "")))
    taken = Source.objects.filter(kind=CHAIN)
    for slug, settings in taken.values_list("automation__slug", "settings"):
        found[str(settings.get("automation", ""))].append(slug)
    return found


def _path(before: dict[str, str], source_slug: str) -> list[str]:
    path = [source_slug]
    while len(path) == 1 or path[-1] != source_slug:
        path.append(before[path[-1]])
    return path[::-1]
