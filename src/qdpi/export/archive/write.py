"""Writing the archive of a journey in pieces. It has the outcomes that were committed when the export began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import IO, Final

from qdpi.concurrency import map_concurrently
from qdpi.events import SCHEMA_VERSION, PageDone, PageFailed, VaultChange, body_of
from qdpi.export.archive.format import (
    LOG,
    MANIFEST,
    OUTCOMES,
    PLACE,
    ChainedLines,
    FileFacts,
    Manifest,
    book_facts,
    revisions_of,
)
from qdpi.export.zip_stream import ZipStream
from qdpi.ids import bitmap_up_to
from qdpi.journey import FOLD_VERSION, JourneyState
from qdpi.outcome import LogEntry, Outcome
from qdpi.store.paging import log_of, outcomes_of
from qdpi.store.ports import Canon, Outcomes, PageStore
from qdpi.store.rows import PlaceRow

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
            later = await _later_pages(store, journey, state.seq, found)
            kept = [row for row in found if _is_within(row, state.seq, later)]
            await asyncio.to_thread(_write, stream, rows, kept)
            yield archive.take()
    files = {OUTCOMES: outcomes.facts(), LOG: rows.facts()}
    place = await store.place(journey)
    if place is not None:
        line = ChainedLines(journey, PLACE)
        archive.add(PLACE, line.line(_within(place, state.seq).model_dump_json().encode()))
        files[PLACE] = line.facts()
    archive.add(MANIFEST, (await _manifest(store, journey, state, named, files)).encode())
    yield archive.close()


async def _later_pages(store: Outcomes, journey: str, head: int, rows: Sequence[LogEntry]) -> set[str]:
    """Return the pages of outcomes after `head`, if any of these rows is of a vault, which may have saved one."""
    if not any(row.type == VaultChange.topic for row in rows):
        return set()
    pages: set[str] = set()
    while found := await store.outcomes(journey, after=head):
        pages |= {outcome.page.page_id for outcome in found if outcome.page is not None}
        head = found[-1].seq
    return pages


def _is_within(row: LogEntry, head: int, later: set[str]) -> bool:
    """Whether a row may stand beside the first `head` outcomes: it names none after them, and none of their pages."""
    if row.type == VaultChange.topic:
        return body_of(row.payload_json.encode()).get("page_id") not in later
    return row.type not in _ENDS or body_of(row.payload_json.encode()).get("seq", 0) <= head


def _within(place: PlaceRow, head: int) -> PlaceRow:
    """Return a place with only the pages read that an archive of the first `head` outcomes has."""
    return place.model_copy(update={"seq": min(place.seq, head), "pages": bitmap_up_to(place.pages, head)})


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
