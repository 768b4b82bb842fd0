"""Where a reader reads: page turns, pages read, and going on on another device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from tests.gateway.test_presses import assert_problem
from tests.support.gateway import ScriptedGenerator, gateway_in, listening, served, system_in

from qdpi.bus.port import Start
from qdpi.events import Fault, ReaderPlace, decode
from qdpi.ids import bitmap_of
from qdpi.services.recorder import record_event

PLACE = "/api/v1/journey/reader/place"
FAULT = Fault(code="model_failed", detail="Nothing came.", next_step="Press again.")


async def turn_to(client: httpx.AsyncClient, page_id: str) -> dict[str, Any]:
    answer = await client.post(PLACE, json={"page_id": page_id})
    assert answer.status_code == 200, answer.text
    place: dict[str, Any] = answer.json()
    return place


async def test_new_journey_is_nowhere(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        assert (await gateway.client.get(PLACE)).json() == {
            "session_id": "reader",
            "page_id": None,
            "placed_at": None,
            "canon": "",
            "pages": "",
            "canon_read": 0,
            "pages_read": 0,
        }


async def test_pages_turned_to_are_read(tmp_path: Path):
    """Pages of the book by number, of the journey by seq; the last one is where the reader is."""
    async with gateway_in(tmp_path) as gateway:
        await turn_to(gateway.client, "S01-P0001")
        await turn_to(gateway.client, "S02-P0004")
        await gateway.generator.answer("reader", await gateway.press(), fault=FAULT)
        written = await gateway.generator.answer("reader", await gateway.press())
        assert written.page is not None
        place = await turn_to(gateway.client, written.page.page_id)
        assert (place["page_id"], place["canon"], place["pages"]) == (
            written.page.page_id,
            bitmap_of([1, 4]),
            bitmap_of([2]),
        )
        assert (place["canon_read"], place["pages_read"]) == (2, 1)
        back = await turn_to(gateway.client, "S01-P0001")
        assert (back["page_id"], back["canon_read"], back["pages_read"]) == ("S01-P0001", 2, 1)
        assert (await gateway.client.get(PLACE)).json() == back


async def test_page_written_since_moves_the_reader(tmp_path: Path):
    """A failure does not, and a later page turn moves the reader back."""
    async with gateway_in(tmp_path) as gateway:
        await turn_to(gateway.client, "S01-P0002")
        await gateway.generator.answer("reader", await gateway.press(), fault=FAULT)
        assert (await gateway.client.get(PLACE)).json()["page_id"] == "S01-P0002"
        written = await gateway.generator.answer("reader", await gateway.press())
        assert written.page is not None
        place = (await gateway.client.get(PLACE)).json()
        assert (place["page_id"], place["pages_read"]) == (written.page.page_id, 0), "written is not read"
        assert (await turn_to(gateway.client, "S01-P0002"))["page_id"] == "S01-P0002"
        assert (await gateway.client.get(PLACE)).json()["page_id"] == "S01-P0002"


async def test_repeated_place_is_no_event(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway, gateway.system.bus.tap([ReaderPlace.topic], Start.LATEST) as records:
        first = await turn_to(gateway.client, "S01-P0001")
        assert await turn_to(gateway.client, "S01-P0001") == first
        await turn_to(gateway.client, "S01-P0002")
        received = [decode(ReaderPlace, (await anext(records)).value) for _ in range(2)]
        assert [place.page_id for place in received] == ["S01-P0001", "S01-P0002"]
        assert received[1].canon == bitmap_of([1, 2]), "the newest event says all"


async def test_another_journeys_page_is_no_place(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        press = await gateway.press("other")
        written = await gateway.generator.answer("other", press)
        assert written.page is not None
        for page_id in (written.page.page_id, "S99-P9999", "?"):
            answer = await gateway.client.post(PLACE, json={"page_id": page_id})
            assert_problem(answer, 404, "unknown_page")
        assert (await gateway.client.get(PLACE)).json()["page_id"] is None


async def test_place_changes_no_figure_of_the_journey(tmp_path: Path):
    """No outcome, no state and no row of the log follows from a page turn."""
    async with gateway_in(tmp_path) as gateway:
        await gateway.generator.answer("reader", await gateway.press())
        before = (await gateway.client.get("/api/v1/journey/reader")).json()
        log = await gateway.system.store.log("reader")
        await turn_to(gateway.client, "S03-P0008")
        assert (await gateway.client.get("/api/v1/journey/reader")).json() == before
        assert await gateway.system.store.log("reader") == log


async def test_recorder_keeps_a_place_that_the_gateway_could_not(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        place = ReaderPlace(
            event_id="p-1",
            ts=gateway.system.now(),
            session_id="reader",
            page_id="S01-P0003",
            seq=0,
            canon=bitmap_of([3]),
        )
        for _ in range(2):
            await record_event(place, gateway.system.store)
        view = (await gateway.client.get(PLACE)).json()
        assert (view["page_id"], view["canon_read"]) == ("S01-P0003", 1)


async def test_page_turns_reach_the_other_device(tmp_path: Path):
    """Live, and again to whoever resumes."""
    async with (
        system_in(tmp_path) as system,
        served(system) as (address, _, _),
        listening(address, "reader") as other,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        await other.next()
        await turn_to(client, "S01-P0001")
        await turn_to(client, "S01-P0002")
        turns = [await other.until("reader.place") for _ in range(2)]
        assert [turn.data["page_id"] for turn in turns] == ["S01-P0001", "S01-P0002"]
        assert {turn.id for turn in turns} == {None}
        await ScriptedGenerator(system).answer("reader", "p")
        async with listening(address, "reader", 1) as resumed:
            turn = await resumed.until("reader.place")
            assert (turn.data["page_id"], turn.data["canon"]) == ("S01-P0002", bitmap_of([1, 2]))
