"""A repair beside running workers repairs damaged rows and leaves work in flight alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.repair.world import World
from tests.support.flow import working
from tests.support.scripted import ScriptedModel
from tests.support.tables import SqliteTables

from qdpi.events import Press
from qdpi.ids import request_id
from qdpi.repair.repair import Repair
from qdpi.repair.replay import replay_all
from qdpi.services.backlog import event_of
from qdpi.settings import Settings

PAGE = "The lamp went up the stair, and the stair went on without it. " * 12


@pytest.mark.parametrize("rounds", [6])
async def test_repair_beside_presses_changes_nothing(tmp_path: Path, rounds: int) -> None:
    """Repairs beside presses publish nothing twice and leave every journey equal."""
    world = World(Settings(data_dir=tmp_path), SqliteTables(tmp_path / "store.db"))
    journeys = [f"reader-{n}" for n in range(8)]
    async with working(tmp_path, ScriptedModel(lambda prompt: PAGE)) as flow:
        presses = [flow.press_event(journey, "an-author:XC") for _ in range(rounds) for journey in journeys]

        async def press_all() -> None:
            for press in presses:
                await flow.send(press)
                await asyncio.sleep(0)
            for press in presses:
                await flow.published.wait_for_outcome(press.event_id)

        pressing = asyncio.create_task(press_all())
        repairs = 0
        while not pressing.done():
            async with world.system(repairing=True) as system:
                found = [mended async for mended in Repair(system, apply=True).of_all()]
            assert found == []
            repairs += 1
        await pressing
        for worker in ("enricher", "page_generator", "indexer", "recorder"):
            await flow.all_read_by(worker)
        taken = [event_of(record) async for record in flow.system.bus.scan(Press.topic)]
        outcomes = {journey: await flow.system.store.outcomes(journey) for journey in journeys}
        async for replayed in replay_all(flow.system, check=True):
            assert replayed.after.equal, replayed.after.differences

    assert repairs > 1
    assert sorted(filter(None, taken)) == sorted(press.event_id for press in presses)
    for journey in journeys:
        pressed = [request_id(press.event_id) for press in presses if press.session_id == journey]
        assert [outcome.request_id for outcome in outcomes[journey]] == pressed


async def test_damage_beside_presses_is_mended(tmp_path: Path) -> None:
    """Damage is mended while other readers press."""
    tables = SqliteTables(tmp_path / "store.db")
    world = World(Settings(data_dir=tmp_path), tables)
    async with working(tmp_path, ScriptedModel(lambda prompt: PAGE)) as flow:
        page = (await flow.press("damaged", "an-author:XC")).page
        assert page is not None
        await flow.indexed(page.page_id)
        for worker in ("enricher", "page_generator", "indexer", "recorder"):
            await flow.all_read_by(worker)
        for table in ("pages", "page_embeddings", "pages_index", "readings"):
            assert tables.delete(table, lambda row: row["page_id"] == page.page_id) == 1
        pressing = asyncio.gather(*(flow.press(f"reader-{n}", "an-author:XC") for n in range(6)))
        async with world.system(repairing=True) as system:
            mended = [each async for each in Repair(system, apply=True).of_all()]
        await pressing

    assert {each.finding.journey for each in mended} == {"damaged"}
    assert all(each.mended for each in mended)
    assert await world.found() == {}
