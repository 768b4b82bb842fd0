"""The page store on Cassandra: the ports' contract, against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from tests.contract.page_store.rig import Connect
from tests.contract.page_store_suite import PageStoreSuite
from tests.support.keyspace import Keyspace

from qdpi.store.cassandra import CassandraPageStore
from qdpi.store.ports import PageStore
from qdpi.system import utc_now

pytestmark = pytest.mark.cassandra


def new_store(space: Keyspace, **changes: bool) -> CassandraPageStore:
    return CassandraPageStore(space.settings, now=utc_now, preparation=str(uuid4()), **changes)


class TestCassandraPageStore(PageStoreSuite):
    @pytest.fixture
    async def connect(self, emptied: Keyspace) -> AsyncIterator[Connect]:
        clients: list[CassandraPageStore] = []

        async def another() -> PageStore:
            clients.append(new_store(emptied))
            await clients[-1].open()
            return clients[-1]

        yield another
        await asyncio.gather(*(client.close() for client in clients))
