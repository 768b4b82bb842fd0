"""Throughput of one generator process with a slow model and many journeys, on Kafka and Cassandra."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from benchmarks.harness import book_in, free_port, process, summary, wait_for_answer
from benchmarks.slow_model import PATIENT, settings_for, slow_model
from qdpi.bootstrap import build_bus
from qdpi.bus.port import Start
from qdpi.events import TOPICS, PageDone, PageFailed, decode
from qdpi.settings import load_settings
from qdpi.system import utc_now

SECONDS, JOURNEYS, CONCURRENCY, OTHERS = 2.0, 2_000, 24, 500


def measure(environment: dict[str, str]) -> None:
    """Print the time of 2,000 presses, then the times of 500 journeys without and beside a slow one."""
    environment = environment | {"CASSANDRA_KEYSPACE": "load", "KAFKA_PREFIX": "load-"}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qdpi-bench-")))
        ingest = [sys.executable, "-m", "qdpi", "ingest-canon", str(book_in(folder))]
        subprocess.run(ingest, check=True, capture_output=True, env=os.environ | environment)
        model, gateway = stack.enter_context(slow_model(SECONDS)), free_port()
        given = environment | settings_for(model)
        given |= {
            "QDPI_CONCURRENCY": str(CONCURRENCY),
            "QDPI_PORT": str(gateway),
            "QDPI_LOG_LEVEL": "error",
        }
        url = f"http://127.0.0.1:{gateway}"
        stack.enter_context(process("qdpi", "serve", environment=given))
        wait_for_answer(url)
        stack.enter_context(process("qdpi", "worker", "page_generator", environment=given))
        stack.enter_context(process("qdpi", "worker", "enricher", "recorder", "indexer", environment=given))
        asyncio.run(_measured(url, f"{model}/calls", environment))


async def _measured(url: str, calls: str, environment: dict[str, str]) -> None:
    bus = build_bus(load_settings(environment), utc_now)
    await bus.open()
    limits = httpx.Limits(max_connections=64)
    try:
        async with (
            bus.tap([PageDone.topic, PageFailed.topic], Start.LATEST) as outcomes,
            httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client,
        ):
            await _round(client, outcomes, "warm", 20, [])
            before = (await client.get(calls)).json()
            took = max((await _round(client, outcomes, "load", JOURNEYS, [])).values())
            called = (await client.get(calls)).json() - before
            ideal = called * SECONDS / CONCURRENCY
            print(
                f"{JOURNEYS} journeys, one press each, {called} calls of a model of {SECONDS:g} s, one generator, "
                f"concurrency {CONCURRENCY}: {took:.1f} s; ideal {ideal:.1f} s; {took / ideal:.2f} times it",
                flush=True,
            )
            without = await _round(client, outcomes, "others", OTHERS, [])
            print(f"{OTHERS} journeys without a slow one: {summary(list(without.values()))}", flush=True)
            beside = await _round(client, outcomes, "beside", OTHERS, ["patient"])
            print(f"{OTHERS} journeys beside one of 60 s: {summary(list(beside.values()))}", flush=True)
    finally:
        await bus.close()


async def _round(client: httpx.AsyncClient, outcomes: Any, name: str, count: int, slow: list[str]) -> dict[str, float]:
    """Press once in each journey; return the seconds from the first press to each outcome."""
    began, ends = time.perf_counter(), {}
    journeys = [f"{name}-{number}" for number in range(count)]
    gate = asyncio.Semaphore(64)

    async def press(session: str) -> None:
        async with gate:
            await _press(client, session, "")

    async def follow() -> None:
        unanswered = set(journeys)
        while unanswered:
            record = await anext(outcomes)
            event = decode(TOPICS[record.topic].model, record.value)
            if record.topic == PageFailed.topic:
                raise RuntimeError(f"A run failed: {record.value!r}")
            if event.session_id in unanswered:
                unanswered.remove(event.session_id)
                ends[event.session_id] = time.perf_counter() - began

    for session in slow:
        await _press(client, f"{name}-{session}", PATIENT)
    async with asyncio.TaskGroup() as group:
        group.create_task(follow())
        for session in journeys:
            group.create_task(press(session))
    return ends


async def _press(client: httpx.AsyncClient, session: str, words: str) -> None:
    """Press; repeat if the connection closes. The `client_request_id` makes it one press."""
    body = {"session_id": session, "symbol_code": 0, "user_intent": words, "client_request_id": "only"}
    for last in (False, False, True):
        try:
            (await client.post("/api/v1/event/ui/symbol", json=body)).raise_for_status()
        except httpx.TransportError:
            if last:
                raise
        else:
            return
