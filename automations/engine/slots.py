"""A pump's places for calls: batches fill them, and people find one nevertheless."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

Queue = deque[asyncio.Future[None]]


class CallSlots:
    """`width` calls at once; where batches have taken the places, a few more for people.

    People come first, otherwise in the order of asking.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._extra = spare_places(width)
        self._people = 0
        self._bulk = 0
        self._waiting_people: Queue = deque()
        self._waiting_bulk: Queue = deque()

    def locked(self) -> bool:
        """Tell whether a batch's call would have to wait."""
        return self._people + self._bulk >= self._width

    @asynccontextmanager
    async def hold(self, *, personal: bool) -> AsyncIterator[None]:
        """Wait for a place and keep it for the block."""
        await self._take(personal=personal)
        try:
            yield
        finally:
            self._give_back(personal=personal)

    async def _take(self, *, personal: bool) -> None:
        queue = self._waiting_people if personal else self._waiting_bulk
        if not queue and self._fits(personal=personal):
            self._count(1, personal=personal)
            return
        place = asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # The place came at the very moment of the cancelling.
                self._give_back(personal=personal)
            raise

    def _fits(self, *, personal: bool) -> bool:
        more = min(self._extra, self._bulk) if personal else 0
        return self._people + self._bulk < self._width + more

    def _count(self, n: int, *, personal: bool) -> None:
        if personal:
            self._people += n
        else:
            self._bulk += n

    def _give_back(self, *, personal: bool) -> None:
        self._count(-1, personal=personal)
        for queue, theirs in ((self._waiting_people, True), (self._waiting_bulk, False)):
            while queue and self._fits(personal=theirs):
                place = queue.popleft()
                if not place.done():
                    self._count(1, personal=theirs)
                    place.set_result(None)


def spare_places(width: int) -> int:
    """Return how many runs of people a pump takes on beyond its width."""
    return max(1, width // 8)
