"""Repair and replay on Kafka and Cassandra, where deletions by hand leave tombstones at the present time."""

from __future__ import annotations

import pytest
from tests.repair.repair_suite import DAMAGE, RepairSuite
from tests.repair.world import World

pytestmark = [pytest.mark.kafka, pytest.mark.cassandra]


class TestRepairOnServers(RepairSuite):
    @pytest.fixture
    def world(self, cluster: World) -> World:
        return cluster

    @pytest.mark.parametrize("half", [0, 1])
    async def test_damage_of_many_kinds_is_mended(self, world: World, half: int) -> None:
        """Damage of many kinds at once is found by its names and mended."""
        await self.assert_found_and_mended(world, *list(DAMAGE)[half::2])
