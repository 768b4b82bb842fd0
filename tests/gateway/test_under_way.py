"""Runs under way: whoever joins a stream, or asks, learns what was pressed and waits."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from tests.gateway.test_streams import DELTA, DONE, STATUS
from tests.support import factories
from tests.support.gateway import Listener, ScriptedGenerator, gateway_in, listening, served, system_in, until

from qdpi.events import Ask, PageRequest, Phase, Press
from qdpi.gateway.streams.pending import PendingPresses
from qdpi.gateway.streams.under_way import add_earlier_presses
from qdpi.ids import request_id
from qdpi.outcome import LogEntry, Outcome, log_entry
from qdpi.services.recorder import record_event
from qdpi.store.columns import tree_row
from qdpi.store.rows import TreeRow

RUNS = "/api/v1/journey/reader/runs"
WORDS = "Who left the door open?"


async def post(client: httpx.AsyncClient, path: str, **body: Any) -> str:
    answer = await client.post(f"/api/v1/event/{path}", json={"session_id": "reader", **body})
    assert answer.status_code == 200, answer.text
    event_id: str = answer.json()["event_id"]
    return event_id


async def press_three(client: httpx.AsyncClient) -> list[str]:
    """Press twice and ask once; return the ids."""
    return [
        await post(client, "ui/symbol", symbol_code=0x1F, page_id="S01-P0002", user_intent=WORDS, trajectory="T2"),
        await post(client, "ask", user_intent="And why?"),
        await post(client, "ui/symbol", symbol_code=3),
    ]


async def statuses(client: Listener, count: int) -> list[dict[str, Any]]:
    frames = [await client.next() for _ in range(count)]
    assert {(frame.event, frame.id) for frame in frames} == {(STATUS, None)}
    return [frame.data for frame in frames]


async def test_journey_at_rest_has_no_runs(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        await gateway.generator.answer("reader", await gateway.press())
        assert (await gateway.client.get(RUNS)).json() == {"session_id": "reader", "runs": []}


async def test_runs_have_what_was_pressed_and_their_place(tmp_path: Path):
    """Symbol, locus, words, wish, time and place; fields that a press does not have are null."""
    async with gateway_in(tmp_path) as gateway:
        first, asked, last = await press_three(gateway.client)
        await gateway.generator.publish_delta("reader", first, "", 0, phase=Phase.PLANNING)
        await gateway.generator.publish_delta("reader", first, "The door", 0, attempt=2)
        await until(lambda: gateway.hub.texts.text(request_id(first)))
        runs = (await gateway.client.get(RUNS)).json()["runs"]
        assert [run["press_id"] for run in runs] == [first, asked, last]
        assert [run["request_id"] for run in runs] == [request_id(press) for press in (first, asked, last)]
        assert [run["place"] for run in runs] == [1, 2, 3]
        assert [run["phase"] for run in runs] == ["writing", "queued", "queued"]
        assert [run["attempt"] for run in runs] == [2, None, None]
        assert [run["symbol_code"] for run in runs] == [0x1F, None, 3]
        assert [run["locus"] for run in runs] == ["S01-P0002", None, None]
        assert [run["user_intent"] for run in runs] == [WORDS, "And why?", ""]
        assert [run["trajectory"] for run in runs] == ["T2", None, None]
        times = [datetime.fromisoformat(run["pressed_at"]) for run in runs]
        assert times == sorted(times)


async def test_joining_follower_gets_the_runs_first(tmp_path: Path):
    """A second tab: each run's status in line order, and the text of the page that is being written."""
    async with system_in(tmp_path) as system, served(system) as (address, app, _):
        generator = ScriptedGenerator(system)
        async with httpx.AsyncClient(base_url=f"http://{address}") as poster:
            first, asked, last = await press_three(poster)
        await generator.publish_delta("reader", first, "", 0, phase=Phase.WRITING)
        await generator.publish_delta("reader", first, "The door", 0)
        await until(lambda: app.state.gateway.hub.texts.text(request_id(first)))
        async with listening(address, "reader") as late:
            assert (await late.next()).data["phase"] == "following"
            writing = (await late.next()).data
            text = await late.next()
            waiting = await statuses(late, 2)
        assert (writing["press_id"], writing["phase"], writing["place"]) == (first, "writing", 1)
        assert (writing["user_intent"], writing["symbol_code"], writing["locus"]) == (WORDS, 0x1F, "S01-P0002")
        assert (text.event, text.data["press_id"], text.data["text"]) == (DELTA, first, "The door")
        assert [(run["press_id"], run["phase"], run["place"]) for run in waiting] == [
            (asked, "queued", 2),
            (last, "queued", 3),
        ]


async def test_runs_move_up_when_one_is_answered(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        async with listening(address, "reader") as client, httpx.AsyncClient(base_url=f"http://{address}") as poster:
            await client.next()
            first, asked, last = await press_three(poster)
            assert [run["place"] for run in await statuses(client, 3)] == [1, 2, 3]
            await generator.answer("reader", first)
            assert (await client.next()).event == DONE
            moved = await statuses(client, 2)
        assert [(run["press_id"], run["place"]) for run in moved] == [(asked, 1), (last, 2)]


async def test_phases_name_what_was_pressed(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        async with listening(address, "reader") as client, httpx.AsyncClient(base_url=f"http://{address}") as poster:
            await client.next()
            asked = await post(poster, "ask", user_intent=WORDS)
            await statuses(client, 1)
            await ScriptedGenerator(system).publish_delta("reader", asked, "", 0, phase=Phase.PLANNING)
            (planning,) = await statuses(client, 1)
        assert (planning["phase"], planning["attempt"], planning["user_intent"]) == ("planning", 1, WORDS)


async def test_restarted_gateway_knows_the_runs_of_before(tmp_path: Path):
    """A gateway that was not there when they were pressed: those of the log without an outcome, in their order."""
    async with gateway_in(tmp_path) as gateway:
        answered = await gateway.press()
        waiting = await press_three(gateway.client)
        for _ in range(4):
            await record_event(await gateway.generator.presses.get(), gateway.system.store)
        await gateway.generator.answer("reader", answered)
    async with gateway_in(tmp_path) as again:
        runs = (await again.client.get(RUNS)).json()["runs"]
        assert [(run["press_id"], run["place"]) for run in runs] == [(press, n) for n, press in enumerate(waiting, 1)]
        assert [run["user_intent"] for run in runs] == [WORDS, "And why?", ""]
        await again.generator.answer("reader", waiting[0])
        await until(lambda: again.hub.pending.answered(waiting[0]))
        assert [run["press_id"] for run in (await again.client.get(RUNS)).json()["runs"]] == waiting[1:]


async def test_follower_learns_of_a_press_from_before_by_its_run(tmp_path: Path):
    """The press came into the log after the follower had read it: the first phase of its run tells of it."""
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        press = factories.press("reader", "p-1", user_intent=WORDS, symbol_code=7)
        async with listening(address, "reader") as client:
            await client.next()
            await until(lambda: True)
            await record_event(press, system.store)
            await ScriptedGenerator(system).publish_delta("reader", "p-1", "", 0, phase=Phase.WRITING)
            frame = await client.until(STATUS)
            while "user_intent" not in frame.data or frame.data["phase"] == "queued":  # the log may come first
                frame = await client.until(STATUS)
        assert (frame.data["press_id"], frame.data["phase"], frame.data["symbol_code"]) == ("p-1", "writing", 7)


class LogAndAnswers:
    """A store of some presses and outcomes; `asked` are the requests whose outcome was read."""

    def __init__(self, presses: list[Press | Ask], outcomes: list[Outcome]) -> None:
        self._presses, self._outcomes = presses, {outcome.seq: outcome for outcome in outcomes}
        self.asked: list[str] = []
        self.reads = 0

    async def newest(self, session_id: str, topic: str, limit: int) -> list[LogEntry]:
        self.reads += 1
        return [log_entry(press) for press in self._presses if press.topic == topic][::-1][:limit]

    async def head(self, session_id: str) -> int:
        return max(self._outcomes, default=0)

    async def tree(self, session_id: str, after: int, until: int) -> list[TreeRow]:
        return [tree_row(outcome) for seq, outcome in sorted(self._outcomes.items()) if after < seq <= until]

    async def outcome(self, session_id: str, request: str) -> Outcome | None:
        self.asked.append(request)
        return next((each for each in self._outcomes.values() if each.request_id == request), None)


def answer(press: Press, seq: int) -> Outcome:
    asked: PageRequest = factories.request("reader", 1, press_id=press.event_id, request_id=request_id(press.event_id))
    event = factories.failed(asked, seq=seq)
    return factories.outcome("reader", seq, fails=True).model_copy(update={"event": event, "request": asked})


async def test_outcome_before_the_newest_is_looked_for():
    """Of presses older than the outcomes that are read the outcome is asked for; of later ones it need not be."""
    presses = [factories.press("reader", f"p-{n}", seconds=n) for n in (-5_000, 5_000, 6_000)]
    old, answered, waits = presses
    store = LogAndAnswers([*presses], [answer(old, 3), answer(answered, 1_000)])
    pending = PendingPresses(8)
    await add_earlier_presses("reader", pending, store)  # type: ignore[arg-type]
    assert [*pending.of("reader")] == [waits.event_id]
    assert store.asked == [request_id(old.event_id)]
    assert [pending.answered(press.event_id) for press in presses] == [True, True, False]


async def test_log_is_read_once_for_each_tap():
    store, pending = LogAndAnswers([factories.press("reader", "p")], []), PendingPresses(8)
    for _ in range(3):
        await add_earlier_presses("reader", pending, store)  # type: ignore[arg-type]
    assert store.reads == 2, "one read of each kind of press"
    pending.restart()
    await add_earlier_presses("reader", pending, store)  # type: ignore[arg-type]
    assert store.reads == 4


async def test_press_answered_while_the_tap_was_away_is_removed():
    press = factories.press("reader", "p", seconds=1)
    pending = PendingPresses(8)
    pending.add(press)
    store = LogAndAnswers([], [answer(press, 1)])
    await add_earlier_presses("reader", pending, store)  # type: ignore[arg-type]
    assert pending.of("reader") == {}
