"""The pump: claims runs, works on many at once, commits in batches, and ends when idle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from django.db import DatabaseError, transaction

from automations.connectors.base import Outside, Parcel
from automations.engine import signs
from automations.engine.bench import Lost, commit, let_go
from automations.engine.called import Called
from automations.engine.circuits import BEFORE_ANSWER
from automations.engine.claims import Claimer, Scope, has_more
from automations.engine.clock import DatabaseClock
from automations.engine.database import DatabaseThread, threads
from automations.engine.endpoints import is_embedded, resolve
from automations.engine.held import COLUMNS, LEASE, Held, Step
from automations.engine.leases import Pulse, beat, hand_back, reap
from automations.engine.llm import Client, Endpoint
from automations.engine.outage import is_outage
from automations.engine.recipes import Recipe, Recipes
from automations.engine.runner import execute
from automations.engine.settle import settle, settle_each
from automations.engine.slots import CallSlots, spare_places
from automations.models import Run
from automations.outbound import Allowance, OutboundClient
from automations.services import switch_off_destination
from automations.services.chaining import start_chained

log = structlog.get_logger(__name__)
AT_ONCE = 4
FEW = 8
HELD_NAMES = frozenset(COLUMNS)
SURE_BEFORE = LEASE / 3
LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Pace:
    """How a pump works: sizes in runs, times in seconds."""

    concurrency: int = 64
    budget_s: float = 240.0
    linger_s: float = 5.0
    grace_s: float = 20.0
    beat_s: float = LEASE.total_seconds() / 10
    reap_s: float = LEASE.total_seconds() / 3
    poll_s: float = 0.1
    gather_s: float = 0.02


@dataclass(slots=True)
class Report:
    """What a pump did: runs it started, and whether due work is left."""

    started: int = 0
    left: bool = False


@dataclass(slots=True)
class _Pending:
    """A step waiting for its commit."""

    step: Step
    done: asyncio.Future[bool]


@dataclass(slots=True)
class Pump:
    """One worker's loop over the Run table; the event loop never touches the database itself.

    Every database call goes through one thread with one connection. `stopping` is asked often:
    once it says yes nothing more is claimed, and after the grace what is left is handed back.
    `winding_down` is called when claiming ends, with whether work is left, so that another pump
    may take this one's place.
    """

    owner: str
    pace: Pace = field(default_factory=Pace)
    scope: Scope = field(default_factory=Scope)
    stopping: Callable[[], bool] = lambda: False
    winding_down: Callable[[bool], None] = lambda _more_left: None
    outside: Outside = field(init=False)
    reading: ThreadPoolExecutor = field(default_factory=partial(threads, "source-read"))
    _sending: ThreadPoolExecutor = field(default_factory=partial(threads, "delivery"))
    _clock: DatabaseClock = field(default_factory=DatabaseClock)
    _recipes: Recipes = field(default_factory=Recipes)
    _held: dict[int, tuple[Held, asyncio.Task[None]]] = field(default_factory=dict)
    _pending: list[_Pending] = field(default_factory=list)
    _settling: list[_Pending] = field(default_factory=list)
    _clients: dict[Endpoint, Client] = field(default_factory=dict)
    _why: dict[int, str] = field(default_factory=dict)
    _database: DatabaseThread = field(default_factory=DatabaseThread)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _calls: CallSlots = field(init=False)
    _claimer: Claimer = field(init=False)
    _answered: int = 0
    _looked_at: float = 0.0
    _report: Report = field(default_factory=Report)
    _chores: set[asyncio.Task[Any]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._calls = CallSlots(self.pace.concurrency)
        self._claimer = Claimer(self.owner, self.scope)
        http = OutboundClient(Allowance.for_purpose("destination"))
        self.outside = Outside(http, self._start_run, self._sending)

    # --- what runs use (the Bench) ---------------------------------------------------------

    def now(self) -> datetime:
        return self._clock.now()

    def call_slot(self, run: Held) -> AbstractAsyncContextManager[None]:
        return self._calls.hold(personal=run.priority >= Run.INTERACTIVE)

    def is_sure_of(self, run: Held) -> bool:
        """Tell whether the lease has enough left to begin something that cannot be undone.

        By the wall clock: a monotonic one stops while a machine is suspended.
        """
        return self.now() < run.lease_until - SURE_BEFORE

    async def recipe(self, version_id: int) -> Recipe:
        fresh = self._recipes.fresh(version_id)
        return await self._database.call(self._recipes.get, version_id) if fresh is None else fresh

    async def client(self, recipe: Recipe) -> Client:
        # Only the embedded model takes its time: it may have to be started.
        if is_embedded(recipe.provider):
            endpoint = await asyncio.to_thread(resolve, recipe.provider)
        else:
            endpoint = resolve(recipe.provider)
        if endpoint not in self._clients:
            self._clients[endpoint] = await Client(endpoint).__aenter__()
        return self._clients[endpoint]

    async def _start_run(self, slug: str, input_data: dict[str, Any], parcel: Parcel) -> int:
        return await self._database.call(start_chained, slug, input_data, parcel)

    async def switch_off(self, destination_id: int, why: str) -> None:
        await self._database.call(switch_off_destination, destination_id, why)

    async def commit(self, step: Step) -> None:
        pending = _Pending(step, asyncio.get_running_loop().create_future())
        self._pending.append(pending)
        self._wake.set()
        if not await pending.done:
            raise Lost
        for name, value in step.values.items():
            if name in HELD_NAMES:
                setattr(step.run, name, value)

    # --- the loop --------------------------------------------------------------------------

    async def run(self) -> Report:
        """Work until nothing is due, the budget is spent or `stopping`; return what was done."""
        self._background(self._beats())
        self._background(self._reaps())
        try:
            await self._database.call(self._clock.sync)
            async with self.outside.http:
                await self._loop()
                await self._wind_down()
                await self._close_clients()
        finally:
            for chore in list(self._chores):
                chore.cancel()
            for pool in (self.reading, self._sending):
                pool.shutdown(wait=False, cancel_futures=True)
            await self._database.close()
        return self._report

    async def _loop(self) -> None:
        began = idle_since = time.monotonic()
        while not self.stopping() and time.monotonic() - began < self.pace.budget_s:
            signs.show_life()
            self._raise_what_broke()
            room = self._room()
            busy = await self._exchange(room, self._spare(room))
            if busy or self._held:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= self.pace.linger_s:
                if not await self._database.call(has_more, self.scope, now=self.now()):
                    return
                idle_since = time.monotonic()
            await self._pause()
        self._report.left = True

    async def _pause(self) -> None:
        """Wait for a result or the next poll, then a little longer so that results gather."""
        try:
            async with asyncio.timeout(self.pace.poll_s):
                await self._wake.wait()
        except TimeoutError:
            return
        if len(self._held) > FEW:
            # While every call slot is taken nothing waits for the next claim.
            share = 1 if self._calls.locked() else 8
            await asyncio.sleep(self.pace.gather_s / share)

    def _room(self) -> int:
        """Claim ahead of the free slots, so that none waits for the database.

        A quarter more than can be called at once, or twice what is answered from one exchange
        to the next: a slow database needs more.
        """
        asking = sum(run.step in BEFORE_ANSWER for run, _ in self._held.values())
        # What has its answer and waits for the commit calls no more.
        asking -= sum(p.step.attempt is not None for p in self._pending)
        width = self.pace.concurrency
        enough = width + min(width, max(1, width // 4, 2 * self._answered))
        return min(enough - asking, 2 * enough - len(self._held))

    def _spare(self, room: int) -> int:
        """Return how many runs of people are taken on beyond `room`.

        A pump that is full looks for them a few times a second, not at every exchange.
        """
        now = time.monotonic()
        if room <= 0 and now < self._looked_at + LOOK_S:
            return 0
        self._looked_at = now
        return spare_places(self.pace.concurrency)

    async def _exchange(self, room: int, spare: int = 0) -> bool:
        """Commit what is pending and claim up to `room` runs, in one hop to the database."""
        self._wake.clear()
        batch, self._pending = self._pending, []
        if not batch and room + spare <= 0:
            return False
        self._settling = batch
        answered = sum(p.step.attempt is not None for p in batch)
        self._answered = max(answered, self._answered * 3 // 4)
        steps = [p.step for p in batch]
        held, claimed = await self._database.call(self._settle_and_claim, steps, room, spare)
        self._settling = []
        for number, pending in enumerate(batch):
            if not pending.done.done():
                pending.done.set_result(pending.step.run.id in held)
            await _breathe(number)
        if claimed:
            await asyncio.sleep(0)  # a run that was let go and is claimed anew ends here first
        for number, run in enumerate(claimed):
            self._start(run)
            await _breathe(number)
        return bool(batch or claimed)

    def _settle_and_claim(
        self, steps: list[Step], room: int, spare: int
    ) -> tuple[set[int], list[Held]]:
        try:
            with transaction.atomic():
                held = settle(steps, now=self.now())
                return held, self._claimer.claim(room, now=self.now(), spare=spare)
        except DatabaseError as error:
            if is_outage(error):
                raise
        # Only now with savepoints, which would cost every exchange two statements.
        with transaction.atomic():
            held = settle_each(steps, now=self.now())
            return held, self._claimer.claim(room, now=self.now(), spare=spare)

    def _start(self, run: Held) -> None:
        self._report.started += 1
        if run.id in self._held:
            # Given back while the database was away, and claimed anew under another fence.
            self._held[run.id][1].cancel()
        task = asyncio.create_task(self._work(run), name=f"run-{run.id}")
        self._held[run.id] = (run, task)

    async def _work(self, run: Held) -> None:
        with structlog.contextvars.bound_contextvars(run=run.id):
            try:
                await execute(run, self)
            except Lost:
                log.info("run_lost")
            except asyncio.CancelledError:
                await self._stopped(run)
            finally:
                self._forget(run)
                self._wake.set()

    def _forget(self, run: Held) -> None:
        if run.id in self._held and self._held[run.id][0] is run:
            del self._held[run.id]
            self._why.pop(run.id, None)

    async def _stopped(self, run: Held) -> None:
        """End a run that a person cancelled; of others keep the call that was broken off."""
        called = None
        if run.broken_off:
            called = Called({"calls": run.calls + 1}, run.broken_off, None, "")
        values: dict[str, Any] = called.values if called else {}
        try:
            if self._why.get(run.id) == "cancel":
                cancelled = {"status": Run.Status.CANCELLED, "error_message": "Cancelled."}
                await let_go(run, self, values | cancelled, called)
            elif called:
                await commit(run, self, values, called)
        except Lost:
            log.info("run_lost")

    # --- chores ----------------------------------------------------------------------------

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(self.pace.beat_s)
            runs = [run for run, _ in self._held.values()]
            pulse = await self._database.call(self._beat, runs)
            for run in runs:
                self._heed(run, pulse)

    def _beat(self, runs: list[Held]) -> Pulse:
        return beat(self.owner, runs, now=self.now())  # its time, not that of the first try

    def _heed(self, run: Held, pulse: Pulse) -> None:
        if run.id not in self._held or self._held[run.id][0] is not run:
            return
        if pulse.held.get(run.id) == run.fence:
            run.lease_until = pulse.until
        # What is being written decides by itself: it may be the run's end.
        if self._is_settling(run):
            return
        if pulse.held.get(run.id) != run.fence:
            self._stop(run, "lost")
            return
        # What is on its way out is not called back: a half-sent output helps nobody.
        if run.step == Run.Step.DELIVER:
            return
        if run.id in pulse.cancel:
            self._stop(run, "cancel")
        elif run.id in pulse.hand_back:
            self._stop(run, "hand back")

    def _is_settling(self, run: Held) -> bool:
        return any(p.step.run is run for p in (*self._pending, *self._settling))

    def _stop(self, run: Held, why: str) -> None:
        self._why[run.id] = why
        self._held[run.id][1].cancel()
        if why == "hand back":
            fences = {run.id: run.fence}
            self._background(self._database.call(hand_back, self.owner, fences, now=self.now()))

    def _background(self, work: Coroutine[Any, Any, Any]) -> None:
        self._chores.add(asyncio.create_task(work))

    def _raise_what_broke(self) -> None:
        """Forget chores that are done; one that broke ends the pump, which is started afresh."""
        for chore in [chore for chore in self._chores if chore.done()]:
            self._chores.discard(chore)
            chore.result()

    async def _reaps(self) -> None:
        while True:
            await asyncio.sleep(self.pace.reap_s)
            await self._database.call(self._clock.sync)
            await self._database.call(reap, now=self.now(), besides=list(self._held))

    async def _wind_down(self) -> None:
        """Finish what is in flight; after the grace hand the rest back at once."""
        await self._database.call(self.winding_down, self._report.left)
        deadline = time.monotonic() + self.pace.grace_s
        patient = not self.stopping()
        while self._held and (patient or time.monotonic() < deadline):
            if patient and self.stopping():
                patient, deadline = False, time.monotonic() + self.pace.grace_s
            await self._exchange(0)
            await self._pause()
        await self._exchange(0)  # an answer that was paid for is kept
        left = {run.id: run.fence for run, _ in self._held.values()}
        for run_id in left:
            self._why[run_id] = "hand back"
            self._held[run_id][1].cancel()
        await self._database.call(hand_back, self.owner, left, now=self.now())
        await asyncio.sleep(0)
        await self._exchange(0)  # so is the row of a call that was broken off

    async def _close_clients(self) -> None:
        for client in self._clients.values():
            await client.__aexit__(None, None, None)


async def _breathe(number: int) -> None:
    """After every few runs set going, let in what has come from the network meanwhile."""
    if number % AT_ONCE == AT_ONCE - 1:
        await asyncio.sleep(0)
