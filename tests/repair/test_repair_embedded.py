"""Repair and replay on the embedded bus and store."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from tests.repair.repair_suite import DAMAGE, RepairSuite, read_past
from tests.repair.world import World

from qdpi.bus.embedded import log
from qdpi.bus.port import Message
from qdpi.events import Ask, Press
from qdpi.system import utc_now


class TestEmbeddedRepair(RepairSuite):
    @pytest.fixture
    def world(self, embedded: World) -> World:
        return embedded

    @pytest.mark.parametrize("name", DAMAGE)
    async def test_damage_is_found_and_mended(self, world: World, name: str) -> None:
        """Each kind of damage is found by its name and mended."""
        await self.assert_found_and_mended(world, name)

    async def test_refused_press_is_left_with_cause(self, world: World) -> None:
        """A press that the bus refuses is left with the cause, and the rest is mended."""
        put_on_bus(world, {"session_id": "amber", "event_id": "large", "user_intent": "a" * 5_000_000})
        put_on_bus(world, {"session_id": "beryl", "event_id": "lost", "symbol_code": 0, "ts": utc_now().isoformat()})
        async with world.system() as system:
            await read_past(system.bus, "qdpi.enricher", (Press.topic, Ask.topic))
        world.tables.delete("state_snapshots", lambda row: row["session_id"] == "bob")

        result = {each.finding.place: each for each in await world.repaired(apply=True)}

        assert result.keys() == {"presses/large", "presses/lost", "state_snapshots/bob"}
        assert [place for place, each in result.items() if not each.mended] == ["presses/large"]
        assert "is too large for gibsey.ui.symbol" in result["presses/large"].cause
        assert not any(result[place].cause for place in ("presses/lost", "state_snapshots/bob"))
        assert [left.finding.place for left in await world.repaired(apply=False)] == ["presses/large"]


def put_on_bus(world: World, press: dict[str, object]) -> None:
    """Append a press of any size to the bus, as if accepted under a larger limit."""
    with closing(sqlite3.connect(world.settings.data_dir / "bus.db")) as connection:
        log.append(connection, Message(Press.topic, b"key", json.dumps(press).encode()), utc_now())
        connection.commit()
