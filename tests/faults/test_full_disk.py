"""Full disk: every write beyond a file size fails in the whole process."""

from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pytest
from tests.faults.checker import violations
from tests.faults.conftest import NewDataDir
from tests.faults.evidence import generated_pages, history_of, settled
from tests.faults.qdpi_process import QdpiProcess

from qdpi.bootstrap import build_system, opened
from qdpi.events import Press, decode
from qdpi.ids import press_id
from qdpi.settings import Settings

BEFORE, DURING = 6, 4
"""The number of presses before and during the full disk."""


@contextmanager
def full_disk(product: QdpiProcess, more: int) -> Iterator[None]:
    """Limit every file to `more` bytes above the bus's WAL, which presses are written to; 0 refuses every write."""
    # The store's WAL may be larger, by what the generator has written: a limit above that would leave presses room.
    limit = (product.directory / "bus.db-wal").stat().st_size + more if more else 0
    resource.prlimit(product.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(product.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


async def press(client: httpx.AsyncClient, number: int) -> httpx.Response:
    body = {"session_id": "amber", "symbol_code": 0, "client_request_id": f"{number}"}
    return await client.post("/api/v1/event/ui/symbol", json=body)


async def unavailable_parts(client: httpx.AsyncClient) -> set[str]:
    answer = await client.get("/readyz")
    return {name for name, part in answer.json()["parts"].items() if not part["ok"]}


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process's files")
async def test_full_disk(new_data_dir: NewDataDir):
    product = QdpiProcess(new_data_dir())
    await product.start()
    async with httpx.AsyncClient(base_url=product.url, timeout=60.0) as client:
        try:
            for number in range(BEFORE):
                assert (await press(client, number)).status_code == 200
            with full_disk(product, 6_000):  # one page and a half, so that a write ends in the middle
                answers = [await press(client, BEFORE + number) for number in range(DURING)]
                assert answers[-1].status_code == 503
            with full_disk(product, 0):
                refused = await press(client, BEFORE + DURING - 1)
                assert refused.status_code == 503
                assert refused.json()["code"] in {"bus_unavailable", "publish_unknown"}
                assert refused.json()["detail"] in {"The bus is unavailable.", "The bus did not confirm it."}
                assert "bus" in await unavailable_parts(client)
                assert (await client.get("/api/v1/journey/amber")).status_code == 200, "stored journeys are readable"
            for number in range(BEFORE + DURING):
                assert (await press(client, number)).status_code == 200
            async with opened(build_system(Settings(data_dir=product.directory))) as system, asyncio.timeout(120):
                await settled(system.bus)
            assert await unavailable_parts(client) == set()
        finally:
            assert await product.end(signal.SIGTERM) == 0
    async with opened(build_system(Settings(data_dir=product.directory))) as system:
        taken = [decode(Press, record.value).event_id async for record in system.bus.scan(Press.topic)]
        pressed = {"amber": dict.fromkeys(taken)}  # in the order in which they were stored
        history = await history_of(system.store, system.bus, pressed, generated=generated_pages(product.directory))
    assert set(taken) == {press_id("amber", "press", f"{number}") for number in range(BEFORE + DURING)}
    assert violations(history) == []
    for name in ("bus.db", "store.db"):
        with closing(sqlite3.connect(product.directory / name)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
