"""Faults planted in the product, one at a time, to show that the simulation finds such faults."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from tests.simulation.scenario import Build
from tests.simulation.tables import Journey, Tables
from tests.simulation.world import Terms, World

from qdpi.bus.port import Membership, Partition, Record
from qdpi.bus.worker import Watermark, Worker
from qdpi.errors import Unavailable
from qdpi.gateway.streams.follower import Follower
from qdpi.gateway.streams.hub import Subscription
from qdpi.journey import section_figures
from qdpi.outcome import Outcome
from qdpi.services.page_generator import PageGenerator
from qdpi.services.recorder import Recorder
from qdpi.store.ports import Answered, Committed, Moved
from qdpi.store.rows import Snapshot

Plant = Callable[[pytest.MonkeyPatch], Build]
"""Plants a fault until the patch is undone; returns the function that builds worlds with it."""


def worker_commits_unfinished_records(patch: pytest.MonkeyPatch) -> Build:
    """The worker commits the offset of a record when its handler begins."""
    begin = Watermark.begin

    def begun(self: Watermark, offset: int) -> None:
        begin(self, offset)
        self.committable = offset + 1

    def finish(self: Watermark, offset: int) -> bool:
        return True

    patch.setattr(Watermark, "begin", begun)
    patch.setattr(Watermark, "finish", finish)
    return World


def worker_handles_a_key_concurrently(patch: pytest.MonkeyPatch) -> Build:
    """The worker handles the records of one key concurrently."""

    def admit(self: Worker, record: Record) -> None:
        self._watermarks[record.partition].begin(record.offset)
        self.in_flight += 1
        self._open_lane(object(), deque((record,)))

    patch.setattr(Worker, "_admit", admit)
    return World


def worker_ignores_revocation(patch: pytest.MonkeyPatch) -> Build:
    """The worker continues with the records of a revoked partition."""

    async def ignore(self: Worker, membership: Membership, revoked: Collection[Partition]) -> None:
        """Do nothing."""

    patch.setattr(Worker, "_revoke", ignore)
    return World


def retry_counts_outages(patch: pytest.MonkeyPatch) -> Build:
    """The retry counts outages as attempts, so that an outage ends in a dead letter."""

    async def once(attempt: Callable[[], Any], *others: Any, **options: Any) -> Any:
        return await attempt()

    patch.setattr("qdpi.bus.middleware.retry.retry_while_unavailable", once)
    return World


def recorder_skips_records_in_an_outage(patch: pytest.MonkeyPatch) -> Build:
    """The recorder skips the records that it cannot store during an outage."""
    record_one = Recorder.__call__

    async def record(self: Recorder, record: Record) -> None:
        with suppress(Unavailable):
            await record_one(self, record)

    patch.setattr(Recorder, "__call__", record)
    return World


def generator_skips_the_outcome_check(patch: pytest.MonkeyPatch) -> Build:
    """The generator does not check whether a press has an outcome before it writes a page."""

    class Forgetful(World):
        def store(self, process: Any) -> Any:
            store = super().store(process)

            async def none(session_id: str, request_id: str) -> None:
                return None

            store.outcome = none  # type: ignore[method-assign]
            return store

    return Forgetful


def generator_ignores_committed_outcomes(patch: pytest.MonkeyPatch) -> Build:
    """The generator neither derives nor publishes an outcome that a killed one committed."""
    answer = PageGenerator.answer

    async def answer_new(self: PageGenerator, request: Any, **options: Any) -> None:
        if await self._store.outcome(request.session_id, request.request_id) is None:
            await answer(self, request, **options)

    patch.setattr(PageGenerator, "answer", answer_new)
    return World


def generator_publishes_its_own_outcome(patch: pytest.MonkeyPatch) -> Build:
    """The generator publishes its own outcome although another one is committed."""
    commit = PageGenerator._commit

    async def commit_own(self: PageGenerator, outcome: Outcome, head: int) -> Committed | Answered | Moved:
        answer = await commit(self, outcome, head)
        return Committed() if isinstance(answer, Answered) else answer

    patch.setattr(PageGenerator, "_commit", commit_own)
    return World


class _Journey(Journey):
    """A journey's partition whose conditional write lacks a condition."""


class HeadlessJourney(_Journey):
    def propose(self, request_id: str, head: int, outcome: Outcome) -> Committed | Answered | Moved:
        known = self.of(request_id)
        if known is not None:
            return Answered(outcome=known)
        self.proposed = outcome
        return Committed()


class ForgetfulJourney(_Journey):
    def propose(self, request_id: str, head: int, outcome: Outcome) -> Committed | Answered | Moved:
        self.complete()
        if head != len(self.outcomes):
            return Moved(head=len(self.outcomes))
        self.proposed = outcome
        return Committed()


def _with_journeys(kind: type[Journey]) -> Build:
    def build(chance: Random, terms: Terms) -> World:
        world = World(chance, terms)
        world.tables.journeys = defaultdict(kind)
        return world

    return build


def store_ignores_the_head(patch: pytest.MonkeyPatch) -> Build:
    """The store commits an outcome whatever the journey's head."""
    return _with_journeys(HeadlessJourney)


def store_ignores_a_committed_outcome(patch: pytest.MonkeyPatch) -> Build:
    """The store commits an outcome although the request has one."""
    return _with_journeys(ForgetfulJourney)


def store_keeps_the_last_snapshot_written(patch: pytest.MonkeyPatch) -> Build:
    """The store keeps the snapshot that was written last, though it may be an older one."""

    def put(self: Tables, snapshot: Snapshot) -> None:
        self.snapshots[snapshot.session_id] = snapshot

    patch.setattr(Tables, "put_snapshot", put)
    return World


def store_keeps_figures_of_closed_branches(patch: pytest.MonkeyPatch) -> Build:
    """The store does not set the figures of a section to zero when its branches are closed."""

    def put(self: Tables, snapshot: Snapshot) -> None:
        for section, figures in section_figures(snapshot.state).items():
            self.counters[section, snapshot.session_id] = figures

    patch.setattr(Tables, "put_figures", put)
    return World


def follower_skips_earlier_outcomes(patch: pytest.MonkeyPatch) -> Build:
    """The follower does not read the outcomes committed before it subscribed."""
    made = Subscription.__init__

    def make(self: Subscription, *given: Any) -> None:
        made(self, *given)
        self._stale = False

    patch.setattr(Subscription, "__init__", make)
    return World


def follower_repeats_outcomes(patch: pytest.MonkeyPatch) -> Build:
    """The follower yields every outcome it receives, repeats included."""

    async def pass_on(self: Follower, frame: Any, seq: int) -> Any:
        yield self._advance(frame)

    patch.setattr(Follower, "_in_order", pass_on)
    return World
