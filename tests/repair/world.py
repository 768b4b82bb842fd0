"""Journeys of three readers, to be damaged and mended: the settings of their bus and store, and the store's tables."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.flow import EMBEDDER, working
from tests.support.scripted import ScriptedModel
from tests.support.tables import Tables

from qdpi.bootstrap import build_store, build_system, opened
from qdpi.errors import ModelEmpty
from qdpi.events import TOPICS
from qdpi.repair.findings import Finding, RepairResult
from qdpi.repair.repair import Repair
from qdpi.settings import Settings
from qdpi.symbols import Trajectory
from qdpi.system import System

PAGE = "She went on up the stair, and the lamp went with her. " * 12
JOURNEYS = {"alice": 6, "bob": 1, "carol": 2}


def writer() -> ScriptedModel:
    """Return the model that wrote the journeys: one page, and none where its prompt says "silence"."""
    return ScriptedModel(lambda prompt: ModelEmpty("It wrote nothing.") if "silence" in str(prompt) else PAGE)


async def populate(settings: Settings) -> None:
    """Read as three readers: pages of every kind, a closed and an open departure, a failure, vaults."""
    async with opened(build_system(settings)) as system:
        await system.bus.create_topics(TOPICS.values())
    async with working(settings.data_dir, writer(), model_retries=0, **_given(settings)) as flow:
        for _ in range(2):
            await flow.press("alice", "an-author:XC")
        await flow.press("alice", "an-author:ZS", words="silence")
        await flow.press("alice", "jacklyn-variance:ZS", wish=Trajectory.DRIFT)
        back = await flow.press("alice", "an-author:XC", wish=Trajectory.LOOP)
        await flow.press("alice", "an-author:ZU", wish=Trajectory.FORK)
        await flow.ask("bob", "who lit the lamp?", "S01-P0002")
        for _ in range(2):
            await flow.press("carol", "an-author:XC")
        assert back.page is not None
        await flow.save("alice", back.page.page_id)
        await flow.save("alice", "S01-P0001")
        await flow.save("bob", "S01-P0002")
        for worker in ("enricher", "page_generator", "indexer", "recorder"):
            await flow.all_read_by(worker)


def _given(settings: Settings) -> dict[str, Any]:
    names = ("kafka_brokers", "kafka_prefix", "kafka_partitions", "kafka_session_timeout")
    return {name: getattr(settings, name) for name in (*names, "cassandra_hosts", "cassandra_keyspace")}


@dataclass
class World:
    """The settings and the tables of a system that readers have used."""

    settings: Settings
    tables: Tables

    @asynccontextmanager
    async def system(self, *, repairing: bool = False) -> AsyncIterator[System]:
        """Open a system on it."""
        store = build_store(self.settings, repairing=repairing)
        async with opened(build_system(self.settings, store=store, embedder=EMBEDDER)) as system:
            yield system

    async def found(self, *sessions: str, apply: bool = False) -> dict[str, list[Finding]]:
        """Repair, or only examine; return the findings by name. With `apply`, every finding must be mended."""
        findings: dict[str, list[Finding]] = {}
        for mended in await self.repaired(*sessions, apply=apply):
            assert mended.mended is apply, mended
            findings.setdefault(mended.finding.name, []).append(mended.finding)
        return findings

    async def repaired(self, *sessions: str, apply: bool) -> list[RepairResult]:
        """Repair, or only examine; return the findings, mended or left."""
        async with self.system(repairing=True) as system:
            repair = Repair(system, apply=apply)
            return [mended async for mended in (repair.of(sessions) if sessions else repair.of_all())]

    async def fingerprint(self) -> str:
        """Return a hash of every row of the store and of every record on the bus."""
        whole = hashlib.sha256()
        for table in self.tables.names():
            for row in sorted(map(str, self.tables.rows(table))):
                whole.update(f"{table} {row}\n".encode())
        async with self.system() as system:
            for state in await system.bus.topics():
                whole.update(str(state).encode())
        return whole.hexdigest()
