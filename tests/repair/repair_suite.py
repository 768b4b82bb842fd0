"""The contract of repair and replay on any bus and store. A class inherits it and provides the fixture `world`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from tests.repair.world import JOURNEYS, World, writer
from tests.support import factories
from tests.support.flow import EMBEDDER
from tests.support.tables import Row, Tables

from qdpi.bootstrap import build_system
from qdpi.bus.port import Message
from qdpi.counterfactual.compare import compare
from qdpi.counterfactual.shadow import run_again
from qdpi.events import Ask, PageDone, PageRequest, Press, decode
from qdpi.ids import page_id, request_id
from qdpi.journey import fold
from qdpi.outcome import Outcome, log_entry
from qdpi.program import QDPIProgram
from qdpi.repair.repair import Repair
from qdpi.repair.replay import replay, replay_all
from qdpi.runtime.startup import open_store
from qdpi.services.backlog import event_of
from qdpi.store.ports import Committed
from qdpi.system import random_id, utc_now
from qdpi.topology import RECORDER

Damage = Callable[[Tables, list[Outcome]], int]
"""Damages the tables of a store, given a journey's outcomes; returns the number of rows."""


def of_page(place: int) -> Callable[[list[Outcome]], Callable[[Row], bool]]:
    def chosen(outcomes: list[Outcome]) -> Callable[[Row], bool]:
        page = outcomes[place].page
        assert page is not None
        return lambda row: row["page_id"] == page.page_id

    return chosen


def of_alice(row: Row) -> bool:
    return bool(row["session_id"] == "alice")


def deletion(table: str, place: int = 0) -> Damage:
    return lambda tables, outcomes: tables.delete(table, of_page(place)(outcomes))


def log_deletion(event: Callable[[Outcome], str]) -> Damage:
    return lambda tables, outcomes: tables.delete("events_log", lambda row: row["event_id"] == event(outcomes[1]))


def newest_snapshot(tables: Tables, outcomes: list[Outcome]) -> int:
    return tables.delete("state_snapshots", lambda row: of_alice(row) and row["seq"] == len(outcomes))


def stale_text(tables: Tables, outcomes: list[Outcome]) -> int:
    return tables.change("pages", of_page(1)(outcomes), text="Something else.", title="Another")


def saved_page(tables: Tables, outcomes: list[Outcome]) -> int:
    return tables.delete("vault", lambda row: of_alice(row) and row["page_id"] == "S01-P0001")


def canon_page(table: str) -> Damage:
    return lambda tables, outcomes: tables.delete(table, lambda row: row["page_id"] == "S01-P0003")


DAMAGE: Final[dict[str, tuple[Damage, set[str]]]] = {
    "a page is gone, its edges are there": (deletion("pages"), {"page-missing"}),
    "a page's text is another": (stale_text, {"page-changed"}),
    "a page's edges are gone": (deletion("page_edges"), {"edges-changed"}),
    "a page's signals are gone": (deletion("page_index_signals", 3), {"edges-missing", "signals-missing"}),
    "a page's reading is gone": (deletion("readings"), {"reading-missing"}),
    "a page has no vector": (deletion("page_embeddings"), {"vector-missing"}),
    "a page is not in the index": (deletion("pages_index", 1), {"index-row-missing"}),
    "an outcome is not in the log": (log_deletion(lambda o: o.event.event_id), {"log-row-missing"}),
    "a request is not in the log": (log_deletion(lambda o: o.request.event_id), {"log-row-missing"}),
    "a press is not in the log": (log_deletion(lambda o: o.event.press_id), {"log-row-missing"}),
    "the newest snapshot is gone": (newest_snapshot, {"snapshot-behind"}),
    "every snapshot is gone": (lambda tables, _: tables.delete("state_snapshots", of_alice), {"snapshot-missing"}),
    "section figures are gone": (lambda tables, _: tables.delete("section_counters", of_alice), {"figures-changed"}),
    "section figures are wrong": (
        lambda tables, _: tables.change("section_counters", of_alice, open_branches=7, return_debt=9),
        {"figures-changed"},
    ),
    "a vault lacks what was saved": (saved_page, {"vault-changed"}),
    "a canon page is gone": (canon_page("pages"), {"page-missing"}),
    "a canon page's edges are gone": (canon_page("page_edges"), {"edges-changed"}),
    "a canon page has no vector": (canon_page("page_embeddings"), {"vector-missing"}),
    "a canon page has no reading": (canon_page("readings"), {"reading-missing"}),
    "a canon page is not in the index": (canon_page("pages_index"), {"index-row-missing"}),
}
"""By its description: the damage, and the names of the findings."""

PROJECTIONS: Final = (
    "pages",
    "page_edges",
    "page_index_signals",
    "readings",
    "page_embeddings",
    "pages_index",
    "state_snapshots",
    "section_counters",
    "vault",
)
"""The tables that a replay rebuilds whole."""


NO_PRESSES: Final[tuple[dict[str, Any], ...]] = (
    {"session_id": "amber"},
    {"session_id": "beryl", "event_id": ""},
    {"session_id": "coral", "event_id": "e" * 129},
    {"session_id": "../../etc", "event_id": "e1"},
    {"session_id": "", "event_id": "e2"},
    {"session_id": "x" * 70_000, "event_id": "e3"},
    {"session_id": 7, "event_id": "e4"},
    {"event_id": "e5"},
)
"""Bodies that the enricher cannot turn into a request: each ends as a dead letter."""


class RepairSuite:
    @pytest.fixture
    def world(self) -> World:
        raise NotImplementedError("A class provides this fixture.")

    async def test_sound_store_has_no_findings(self, world: World) -> None:
        """Without damage nothing is found, and every journey replays equal."""
        assert await world.found() == {}
        async with world.system() as system:
            replayed = [each async for each in replay_all(system, check=True)]
        assert {each.after.journey: each.after.outcomes for each in replayed[:-1]} == JOURNEYS
        assert replayed[-1].after.journey is None
        assert all(each.after.equal for each in replayed)
        assert len({each.after.wanted for each in replayed}) == len(replayed)

    async def assert_found_and_mended(self, world: World, *damage: str) -> None:
        async with world.system() as system:
            outcomes = await system.store.outcomes("alice")
        names: set[str] = set()
        for harm, found_by in map(DAMAGE.__getitem__, damage):
            assert harm(world.tables, outcomes) > 0
            names |= found_by
        before = await world.fingerprint()

        assert (await world.found()).keys() == names
        assert await world.fingerprint() == before
        assert (await world.found(apply=True)).keys() == names
        assert await world.found() == {}
        async with world.system() as system:
            assert all([each.after.equal async for each in replay_all(system, check=True)])

    async def test_dropped_projections_are_rebuilt(self, world: World) -> None:
        """Projections that were dropped are rebuilt to identical contents."""
        async with world.system() as system:
            hashes = {each.after.journey: each.after.found async for each in replay_all(system, check=True)}
        for table in PROJECTIONS:
            world.tables.delete(table)
        async with world.system(repairing=True) as system:
            replayed = [each async for each in replay_all(system, check=False)]
        assert not any(each.before.equal for each in replayed)
        assert {each.after.journey: each.after.found for each in replayed} == hashes
        assert await world.found() == {}

    async def test_presses_run_again_touch_nothing(self, world: World) -> None:
        """Run again by the same writer, presses give the same pages and failures, and no row and no record changes."""
        before = await world.fingerprint()
        program = QDPIProgram(model=writer())
        settings = replace(world.settings, model_retries=0)
        told: list[str] = []
        async with open_store(build_system(settings, embedder=EMBEDDER, read_only=True)) as system:
            pairs = {
                journey: [pair async for pair in run_again(system, program, journey, most=None, tell=told.append)]
                for journey in JOURNEYS
            }
        assert {journey: len(found) for journey, found in pairs.items()} == JOURNEYS
        assert [compare(pair).differs for found in pairs.values() for pair in found] == [[]] * sum(JOURNEYS.values())
        assert len(told) == sum(JOURNEYS.values())
        assert await world.fingerprint() == before

    async def test_check_names_differing_fields(self, world: World) -> None:
        """A check names the differences field by field and writes nothing."""
        async with world.system() as system:
            outcomes = await system.store.outcomes("alice")
            stale_text(world.tables, outcomes)
            checked = await replay(system, "alice", check=True)
            again = await replay(system, "alice", check=True)
        page = outcomes[1].page
        assert page is not None
        assert checked.after.wanted != checked.after.found
        assert checked == again
        assert [d[:6] for d in checked.after.differences] == [
            ("pages", page.page_id, "text", page.text, "Something else.", 2),
            ("pages", page.page_id, "title", page.title, "Another", 2),
        ]
        assert await world.found(apply=True)

    async def test_named_journeys_alone_are_mended(self, world: World) -> None:
        """Only the journeys that are named are examined and mended."""
        assert world.tables.delete("state_snapshots", lambda row: row["session_id"] in {"bob", "carol"})
        assert await world.found("alice") == {}
        (of_bob,) = (await world.found("bob", apply=True)).values()
        assert [found.journey for found in of_bob] == ["bob"]
        (left,) = (await world.found(apply=True)).values()
        assert [found.journey for found in left] == ["carol"]

    async def test_unpublished_outcome_is_published(self, world: World) -> None:
        """An outcome that was never published is published."""
        press = Press(event_id=f"u-{random_id()}", ts=utc_now(), session_id="carol", symbol_code=0)
        async with world.system() as system:
            last = await system.store.last_outcome("carol")
            assert last is not None
            outcome = after(last, press.event_id)
            await system.store.append_log([log_entry(press)])
            assert await system.store.commit_outcome("carol", outcome.request_id, last.seq, outcome) == Committed()

        found = await world.found(apply=True)

        assert len(found["outcome-untold"]) == 1
        assert {"page-missing", "edges-missing", "signals-missing", "snapshot-behind"} < found.keys()
        async with world.system() as system:
            result = [decode(PageDone, record.value) async for record in system.bus.scan(PageDone.topic)]
        assert [event for event in result if event.event_id == outcome.event.event_id] == [outcome.event]

    async def test_pending_press_is_not_published_again(self, world: World) -> None:
        """A press that waits for a worker is never published again; one that every worker passed over is, once."""
        press = Press(event_id=f"w-{random_id()}", ts=utc_now(), session_id="dora", symbol_code=0)
        async with world.system() as system:
            await system.publisher.publish(press)
        assert await world.found(apply=True) == {}
        async with world.system() as system:
            enriched = PageRequest(
                event_id=request_id(press.event_id), ts=utc_now(), session_id="dora", cause_id=press.event_id,
                press_id=press.event_id, request_id=request_id(press.event_id), symbol_code=0,
            )  # fmt: skip
            await system.publisher.publish(enriched)
            await read_past(system.bus, "qdpi.enricher", (Press.topic, Ask.topic))
        assert await world.found(apply=True) == {}
        async with world.system() as system:
            await read_past(system.bus, "qdpi.page_generator", (PageRequest.topic,))
        found = await world.found(apply=True)
        assert [lost.place for lost in found["press-unanswered"]] == [f"presses/{press.event_id}"]
        async with world.system() as system:
            records = [r async for r in system.bus.scan(Press.topic) if event_of(r) == press.event_id]
        assert len(records) == 2
        assert records[0][2:5] == records[1][2:5]
        assert await world.found(apply=True) == {}

    async def test_press_is_known_by_its_body(self, world: World) -> None:
        """A press with another id in its header is answered by the id in its body."""
        async with world.system() as system:
            (answered,) = [r async for r in system.bus.scan(Ask.topic)]
            await system.bus.publish(
                Message(Ask.topic, answered.key, answered.value, (("x-event-id", random_id().encode()),))
            )
            await read_past(system.bus, "qdpi.enricher", (Press.topic, Ask.topic))
        assert await world.found("bob") == {}
        await world.found(apply=True)  # presses of other tests, which `read_past` made the enricher skip

    async def test_malformed_press_is_not_lost(self, world: World) -> None:
        """A record that names no press is never taken for a lost press."""
        async with world.system() as system:
            for body in NO_PRESSES:
                headers = (("x-event-id", random_id().encode()),)
                await system.bus.publish(Message(Press.topic, b"key", json.dumps(body).encode(), headers))
            await read_past(system.bus, "qdpi.enricher", (Press.topic, Ask.topic))
        lost = (await world.found(apply=True)).get("press-unanswered", [])  # other tests' presses, too
        assert {found.journey for found in lost}.isdisjoint(body.get("session_id") for body in NO_PRESSES)
        assert await world.found() == {}

    @pytest.mark.parametrize("says", [{"user_intent": "who?", "symbol_code": 999}, {"symbol_code": 999}])
    async def test_log_row_of_invalid_ask_is_not_due(self, world: World, says: dict[str, Any]) -> None:
        """An answered ask is missing in the log only if the log can have it."""
        ask = {"session_id": "carol", "event_id": f"a-{random_id()}", "ts": utc_now().isoformat(), **says}
        async with world.system() as system:
            await system.bus.publish(Message(Ask.topic, b"carol", json.dumps(ask).encode()))
            await read_past(system.bus, "qdpi.enricher", (Press.topic, Ask.topic))
            await read_past(system.bus, "qdpi.recorder", RECORDER.topics)
            first, *_, last = await system.store.outcomes("carol")
            outcome = after(last, ask["event_id"])
            assert await system.store.commit_outcome("carol", outcome.request_id, last.seq, outcome) == Committed()
        world.tables.delete("events_log", lambda row: row["event_id"] == first.event.press_id)

        missing = (await world.found("carol", apply=True))["log-row-missing"]

        assert f"events_log/{first.event.press_id}" in {found.place for found in missing}
        async with world.system() as system:
            repair = Repair(system, apply=False)
            assert [left async for left in repair.of(["carol"])] == []
            # for the tests after this one: no worker can write this row
            await system.store.append_log([log_entry(Ask(**{"user_intent": "who?"} | ask))])
        assert repair.in_flight == 0

    async def test_press_in_the_log_alone_is_published_again(self, world: World) -> None:
        """A press that only the log has, of a journey without an outcome, is published again."""
        press = Press(event_id=random_id(), ts=utc_now(), session_id=f"new-{random_id()}", symbol_code=0)
        async with world.system() as system:
            await system.store.append_log([log_entry(press)])

        lost = (await world.found(apply=True))["press-unanswered"]  # other tests' presses, too

        assert (press.session_id, f"presses/{press.event_id}") in {(found.journey, found.place) for found in lost}
        async with world.system() as system:
            again = [r.value async for r in system.bus.scan(Press.topic) if event_of(r) == press.event_id]
        assert again == [press.encode()]
        assert await world.found() == {}


async def read_past(bus: Any, group: str, topics: tuple[str, ...]) -> None:
    """Commit a group's offsets to the end of topics, without handling the records."""
    member = await bus.join(group, topics)
    try:
        while any(lag.records for lag in await bus.lag(group)) or not await bus.lag(group):
            delivery = await member.fetch(100, 0.2)
            await member.commit({record.partition: record.offset + 1 for record in delivery.records})
    finally:
        await member.leave()


def after(last: Outcome, press: str) -> Outcome:
    """Return an outcome after a journey's last one, of another press, at the present time."""
    asked = last.request.model_copy(
        update={"press_id": press, "cause_id": press, "request_id": request_id(press), "event_id": request_id(press)}
    )
    page = factories.generated_page(
        asked, seq=last.seq + 1, page_id=page_id(asked.request_id), created_at=utc_now(), return_to="S01-P0002"
    )
    event = factories.done(page, asked, seq=last.seq + 1)
    return Outcome(
        event=event, page=page, receipt=last.receipt, state=fold(last.state, event), request=asked, reading=last.reading
    )
