"""Read the data of a check through the ports, and wait until all work is done."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, TypeVar

from tests.faults.checker import History, Stream

from qdpi.bus.port import EventBus
from qdpi.errors import MalformedEvent
from qdpi.events import DeadLetter, Event, PageDone, PageFailed, Press, decode
from qdpi.ids import page_id, request_id
from qdpi.outcome import Outcome
from qdpi.store.ports import PageStore

PATIENCE: Final = 120.0
"""Seconds after which a test that waits for something gives up."""
GROUPS: Final = ("qdpi.enricher", "qdpi.page_generator", "qdpi.indexer", "qdpi.recorder")
"""The groups in the order in which work flows through them."""
_LOOK_AGAIN: Final = 0.02
E = TypeVar("E", bound=Event)


async def settled(bus: EventBus, patience: float | None = PATIENCE) -> None:
    """Wait until every group has committed every record, in the order of `GROUPS`.

    Raises `TimeoutError` after `patience` seconds; None waits without limit.
    """
    async with asyncio.timeout(patience):
        for group in GROUPS:
            while await _behind(bus, group):  # noqa: ASYNC110 (a bus does not report commits)
                await asyncio.sleep(_LOOK_AGAIN)


async def _behind(bus: EventBus, group: str) -> bool:
    lags = await bus.lag(group)
    return not lags or any(lag.records for lag in lags)  # a group without lags has not joined yet


async def history_of(
    store: PageStore,
    bus: EventBus,
    presses: Mapping[str, Iterable[str]],
    *,
    generated: Collection[str] = (),
    streams: Iterable[Stream] = (),
) -> History:
    """Return the history of these presses, each journey's in order, from a store and a bus.

    `generated` are the ids of generated pages with a row or an edge, besides those of the presses.
    """
    pressed = {journey: tuple(events) for journey, events in presses.items()}
    names = {*generated, *(page_id(request_id(event)) for events in pressed.values() for event in events)}
    found = {name: await store.page(name) for name in names}
    edges = {name: await store.edges(name) for name in names}
    snapshots = {journey: await store.snapshot(journey) for journey in pressed}
    return History(
        ring=await _ring(store),
        presses=pressed,
        outcomes={journey: await _outcomes(store, journey) for journey in pressed},
        pages=tuple(page for page in found.values() if page),
        edges={name: linked for name, linked in edges.items() if linked},
        indexed=set(await store.embeddings(names)),
        log={journey: tuple(await store.log(journey, limit=1_000_000)) for journey in pressed},
        snapshots={journey: snapshot for journey, snapshot in snapshots.items() if snapshot},
        published=tuple(await _published(bus)),
        letters=tuple([decode(DeadLetter, record.value) async for record in bus.scan(DeadLetter.topic)]),
        streams=tuple(streams),
        repeated=await _repeated(bus),
    )


def generated_pages(directory: Path) -> set[str]:
    """Return the ids of all generated pages that have a row or an edge in the embedded store."""
    with closing(sqlite3.connect(directory / "store.db")) as connection:
        pages = connection.execute("SELECT page_id, extra_json FROM pages").fetchall()
        linked = connection.execute("SELECT page_id FROM page_index_signals").fetchall()
    canon = {page for page, extra in pages if json.loads(extra)["placement"] is None}
    return ({page for page, _ in pages} | {page for (page,) in linked}) - canon


async def _ring(store: PageStore) -> set[str]:
    canon = await store.canon()
    return {page.page_id for page in await store.canon_pages(canon.revision)} if canon else set()


async def _outcomes(store: PageStore, journey: str) -> tuple[Outcome, ...]:
    return tuple(await store.outcomes(journey, limit=1_000_000))


async def _published(bus: EventBus) -> list[PageDone | PageFailed]:
    return [*await _read(bus, PageDone), *await _read(bus, PageFailed)]


async def _read(bus: EventBus, model: type[E]) -> list[E]:
    events: list[E] = []
    async for record in bus.scan(model.topic):
        with suppress(MalformedEvent):  # injected malformed records publish nothing
            events.append(decode(model, record.value))
    return events


async def _repeated(bus: EventBus) -> set[str]:
    taken = Counter([record.header("x-event-id") async for record in bus.scan(Press.topic)])
    return {event for event, times in taken.items() if event and times > 1}
