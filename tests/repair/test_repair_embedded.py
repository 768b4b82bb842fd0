"""Repair and replay on the embedded bus and store."""

from __future__ import annotations

import pytest
from tests.repair.repair_suite import RepairSuite
from tests.repair.world import World


class TestEmbeddedRepair(RepairSuite):
    @pytest.fixture
    def world(self, embedded: World) -> World:
        return embedded
