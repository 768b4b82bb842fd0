"""Repair and replay on Kafka and Cassandra, where deletions by hand leave tombstones at the present time."""

from __future__ import annotations

import pytest
from tests.repair.repair_suite import RepairSuite
from tests.repair.world import World

pytestmark = [pytest.mark.kafka, pytest.mark.cassandra]


class TestRepairOnServers(RepairSuite):
    @pytest.fixture
    def world(self, cluster: World) -> World:
        return cluster
