"""Faults that are planted in the product, to show that a simulation finds their like."""

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
"""Plants a fault until the patch is undone; returns how worlds are built with it."""


def a_worker_that_commits_what_it_has_only_begun(patch: pytest.MonkeyPatch) -> Build:
    begin = Watermark.begin

    def begun(self: Watermark, offset: int) -> None:
        begin(self, offset)
        self.committable = offset + 1

    def finish(self: Watermark, offset: int) -> bool:
        return True

    patch.setattr(Watermark, "begin", begun)
    patch.setattr(Watermark, "finish", finish)
    return World


def a_worker_that_handles_a_keys_records_at_once(patch: pytest.MonkeyPatch) -> Build:
    def admit(self: Worker, record: Record) -> None:
        self._watermarks[record.partition].begin(record.offset)
        self.in_flight += 1
        self._open_lane(object(), deque((record,)))

    patch.setattr(Worker, "_admit", admit)
    return World


def a_worker_that_goes_on_with_what_was_revoked(patch: pytest.MonkeyPatch) -> Build:
    async def shrug(self: Worker, membership: Membership, revoked: Collection[Partition]) -> None:
        """Take no notice."""

    patch.setattr(Worker, "_revoke", shrug)
    return World


def a_retry_that_takes_an_outage_for_poison(patch: pytest.MonkeyPatch) -> Build:
    async def once(attempt: Callable[[], Any], *others: Any, **options: Any) -> Any:
        return await attempt()

    patch.setattr("qdpi.bus.middleware.retry.retry_while_unavailable", once)
    return World


def a_recorder_that_passes_over_an_outage(patch: pytest.MonkeyPatch) -> Build:
    record_one = Recorder.__call__

    async def record(self: Recorder, record: Record) -> None:
        with suppress(Unavailable):
            await record_one(self, record)

    patch.setattr(Recorder, "__call__", record)
    return World


def a_generator_that_does_not_look_whether_a_press_is_answered(patch: pytest.MonkeyPatch) -> Build:
    class Forgetful(World):
        def store(self, process: Any) -> Any:
            store = super().store(process)

            async def none(session_id: str, request_id: str) -> None:
                return None

            store.outcome = none  # type: ignore[method-assign]
            return store

    return Forgetful


def a_generator_that_leaves_undone_what_a_dead_one_left(patch: pytest.MonkeyPatch) -> Build:
    answer = PageGenerator.answer

    async def answer_new(self: PageGenerator, request: Any, **options: Any) -> None:
        if await self._store.outcome(request.session_id, request.request_id) is None:
            await answer(self, request, **options)

    patch.setattr(PageGenerator, "answer", answer_new)
    return World


def a_generator_that_tells_what_it_wrote_and_not_what_was_committed(patch: pytest.MonkeyPatch) -> Build:
    commit = PageGenerator._commit

    async def proud(self: PageGenerator, outcome: Outcome, head: int) -> Committed | Answered | Moved:
        told = await commit(self, outcome, head)
        return Committed() if isinstance(told, Answered) else told

    patch.setattr(PageGenerator, "_commit", proud)
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


def a_store_that_commits_whatever_the_head(patch: pytest.MonkeyPatch) -> Build:
    return _with_journeys(HeadlessJourney)


def a_store_that_commits_though_the_request_has_an_outcome(patch: pytest.MonkeyPatch) -> Build:
    return _with_journeys(ForgetfulJourney)


def a_store_in_which_the_last_snapshot_to_come_stands(patch: pytest.MonkeyPatch) -> Build:
    def put(self: Tables, snapshot: Snapshot) -> None:
        self.snapshots[snapshot.session_id] = snapshot

    patch.setattr(Tables, "put_snapshot", put)
    return World


def a_store_that_counts_no_branch_that_came_back(patch: pytest.MonkeyPatch) -> Build:
    def put(self: Tables, snapshot: Snapshot) -> None:
        for section, figures in section_figures(snapshot.state).items():
            self.counters[section, snapshot.session_id] = figures

    patch.setattr(Tables, "put_figures", put)
    return World


def a_follower_that_does_not_read_what_was_there_before_it(patch: pytest.MonkeyPatch) -> Build:
    made = Subscription.__init__

    def make(self: Subscription, *given: Any) -> None:
        made(self, *given)
        self._stale = False

    patch.setattr(Subscription, "__init__", make)
    return World


def a_follower_that_passes_on_what_it_has_passed_on(patch: pytest.MonkeyPatch) -> Build:
    async def pass_on(self: Follower, frame: Any, seq: int) -> Any:
        yield self._advance(frame)

    patch.setattr(Follower, "_in_order", pass_on)
    return World
