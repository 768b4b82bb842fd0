"""Writing the archive of a journey in pieces. It has the outcomes that were committed when the export began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import IO, Final

from qdpi.concurrency import map_concurrently
from qdpi.events import SCHEMA_VERSION, PageDone, PageFailed, body_of
from qdpi.export.archive.format import (
    LOG,
    MANIFEST,
    OUTCOMES,
    ChainedLines,
    FileFacts,
    Manifest,
    book_facts,
    revisions_of,
)
from qdpi.export.zip_stream import ZipStream
from qdpi.journey import FOLD_VERSION, JourneyState
from qdpi.outcome import LogEntry, Outcome
from qdpi.store.paging import log_of, outcomes_of
from qdpi.store.ports import Canon, PageStore

_ENDS: Final = {PageDone.topic, PageFailed.topic}


async def stream_archive(store: PageStore, journey: str) -> AsyncGenerator[bytes]:
    """Yield the pieces of a journey's archive, a zip file."""
    archive = ZipStream(long_entries=True)
    last = await store.last_outcome(journey)
    state = last.state if last else JourneyState()
    outcomes, rows = ChainedLines(journey, OUTCOMES), ChainedLines(journey, LOG)
    named: set[int] = set()
    with archive.entry(OUTCOMES) as stream:
        async for batch in outcomes_of(store, journey, state.seq):
            named |= {revision for outcome in batch for revision in revisions_of(outcome)}
            await asyncio.to_thread(_write, stream, outcomes, batch)
            yield archive.take()
    with archive.entry(LOG) as stream:
        async for found in log_of(store, journey):
            await asyncio.to_thread(_write, stream, rows, [row for row in found if _is_within(row, state.seq)])
            yield archive.take()
    files = {OUTCOMES: outcomes.facts(), LOG: rows.facts()}
    archive.add(MANIFEST, (await _manifest(store, journey, state, named, files)).encode())
    yield archive.close()


def _is_within(row: LogEntry, head: int) -> bool:
    """Whether a row belongs to the first `head` outcomes of a journey. Rows that are no outcome's event always do."""
    return row.type not in _ENDS or body_of(row.payload_json.encode()).get("seq", 0) <= head


def _write(stream: IO[bytes], lines: ChainedLines, values: Sequence[Outcome | LogEntry]) -> None:
    for value in values:
        stream.write(lines.line(value.model_dump_json().encode()))


async def _manifest(
    store: Canon, journey: str, state: JourneyState, named: set[int], files: dict[str, FileFacts]
) -> Manifest:
    book = await store.canon()
    revisions = await map_concurrently(store.canon, sorted(named))
    return Manifest(
        schema_version=SCHEMA_VERSION,
        fold_version=FOLD_VERSION,
        session_id=journey,
        outcomes=state.seq,
        pages=state.pages,
        failures=state.failures,
        digest=state.digest(),
        book=book_facts(book) if book else None,
        canon=tuple(book_facts(revision) for revision in revisions if revision),
        files=files,
    )
