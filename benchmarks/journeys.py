"""Journeys of 100, 10,000 and 100,000 outcomes: the time of their fold, and of the gateway's requests for them.

Every outcome is a copy of one real outcome of the offline writer, so its size is realistic.
`python -m benchmarks.journeys [OUTCOMES …]`
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from qdpi.bootstrap import build_system, build_workers, ensure_book, opened
from qdpi.events import PageDone, Press
from qdpi.gateway.app import create_app
from qdpi.ids import page_id, request_id
from qdpi.journey import JourneyState, fold, fold_all
from qdpi.language.offline import OfflineWriter
from qdpi.observability.logs import configure_logs
from qdpi.outcome import Outcome
from qdpi.settings import LogLevel, Settings
from qdpi.store.ports import PageStore
from qdpi.symbols import Trajectory
from qdpi.system import System

SIZES: Final = (100, 10_000, 100_000)
TURNS: Final = 15


def main() -> None:
    """Measure, and print a line for each figure."""
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    with tempfile.TemporaryDirectory(prefix="qdpi-bench-") as folder:
        asyncio.run(_measure(Path(folder), sizes))


async def _measure(folder: Path, sizes: Any) -> None:
    settings = Settings(data_dir=folder, model="offline", max_requests=10**9, log_level=LogLevel.ERROR)
    configure_logs(settings)
    async with opened(build_system(settings)) as system:
        await ensure_book(system)
        model = await _one_run(system)
        for size in sizes:
            journey = f"journey-{size}"
            outcomes = list(copies(model, journey, size))
            _fold(outcomes)
            await _commit(system.store, outcomes)
            await _ask(system, journey, size)


async def _one_run(system: System) -> Outcome:
    group = build_workers(system, ("enricher", "page_generator"), OfflineWriter())
    working = asyncio.create_task(group.run())
    press = Press(event_id="press", ts=system.now(), session_id="model", symbol_code=0xD)
    await system.publisher.publish(press)
    while (outcome := await system.store.outcome("model", request_id("press"))) is None:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    group.stop()
    await working
    return outcome


def copies(model: Outcome, journey: str, size: int) -> Iterator[Outcome]:
    """Yield `size` outcomes with copies of one page, in branches of four pages of which the last is a return."""
    state, branch = JourneyState(), ""
    event, page = model.event, model.page
    if not isinstance(event, PageDone) or page is None:
        raise TypeError("The run left no page.")
    for seq in range(1, size + 1):
        press = f"{journey}-{seq}"
        run = request_id(press)
        ids = {"session_id": journey, "press_id": press, "request_id": run}
        when = event.ts + timedelta(seconds=seq)
        branch = page_id(run) if seq % 4 == 1 else branch
        given = Trajectory.LOOP if seq % 4 == 0 else Trajectory.FORK
        copy = event.model_copy(
            update={
                **ids, "event_id": run, "seq": seq, "page_id": page_id(run), "ts": when, "branch_id": branch,
                "trajectory": given,
            }
        )  # fmt: skip
        state = fold(state, copy)
        yield Outcome(
            event=copy,
            page=page.model_copy(update={"page_id": copy.page_id, "session_id": journey, "seq": seq}),
            reading=model.reading,
            receipt=model.receipt,
            state=state,
            request=model.request.model_copy(update=ids),
        )


def _fold(outcomes: list[Outcome]) -> None:
    events = [outcome.event for outcome in outcomes]
    began = time.process_time()
    fold_all(events)
    seconds = time.process_time() - began
    print(f"fold of {len(events):,} events: {seconds * 1000:.1f} ms, {len(events) / seconds:,.0f} a second", flush=True)


async def _commit(store: PageStore, outcomes: list[Outcome]) -> None:
    began = time.perf_counter()
    for outcome in outcomes:
        await store.commit_outcome(outcome.session_id, outcome.request_id, outcome.seq - 1, outcome)
    last = outcomes[-1].page
    if last is not None:
        await store.put_page(last)
    print(f"  committed in {time.perf_counter() - began:.1f} s", flush=True)


async def _ask(system: System, journey: str, size: int) -> None:
    app = create_app(system)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=600) as client:
        for path in (
            f"/api/v1/journey/{journey}",
            f"/api/v1/journey/{journey}?limit=1&after={size - 1}",
            f"/api/v1/journey/{journey}?limit=1&at={size // 2}",
            f"/api/v1/journey/{journey}/preview",
            f"/api/v1/search?q=book&session_id={journey}",
        ):
            times = [await _timed(client, path) for _ in range(TURNS)]
            ms = [seconds * 1000 for seconds in times]
            shown = path.removeprefix("/api/v1").replace(journey, "…")
            print(f"  GET {shown}: first {ms[0]:.1f} ms, then p50 {statistics.median(ms[1:]):.1f} ms", flush=True)


async def _timed(client: httpx.AsyncClient, path: str) -> float:
    began = time.perf_counter()
    (await client.get(path)).raise_for_status()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
