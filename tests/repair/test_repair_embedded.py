"""Repair and replay on the embedded bus and store."""

from __future__ import annotations

import pytest
from tests.repair.repair_suite import DAMAGE, RepairSuite
from tests.repair.world import World


class TestEmbeddedRepair(RepairSuite):
    @pytest.fixture
    def world(self, embedded: World) -> World:
        return embedded

    @pytest.mark.parametrize("name", DAMAGE)
    async def test_damage_is_found_by_its_name_and_mended(self, world: World, name: str) -> None:
        await self.assert_found_and_mended(world, name)
