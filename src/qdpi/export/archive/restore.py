"""Importing a journey: its archive is checked whole, also against this store, before anything is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from qdpi.concurrency import gather_all
from qdpi.errors import ArchiveRefused
from qdpi.events import VaultChange
from qdpi.export.archive.check import ArchiveCheck, digest_of
from qdpi.export.archive.container import refusal
from qdpi.export.archive.format import LOG, MANIFEST, OUTCOMES, PLACE, BookFacts, Manifest, book_facts
from qdpi.export.archive.read import Archive, check_manifest, read_values
from qdpi.export.archive.verify_log import event_of
from qdpi.outcome import LogEntry, Outcome, in_current_form
from qdpi.search.vectors import Embedder
from qdpi.services.projections.pages import OF_PAGE, pages_of, with_embeddings
from qdpi.services.projector import project, write_rows, written_by
from qdpi.services.vault import keep_change
from qdpi.store.paging import log_of, outcomes_of
from qdpi.store.ports import Canon, Committed, Outcomes, Pages, PageStore
from qdpi.store.rows import PlaceRow
from qdpi.topology import INDEXER

BATCH: Final = 100
"""Lines that are read, or written, at once."""
Progress = Callable[[int, int], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of an import: outcomes that were here before, and outcomes and rows of the log that it wrote.

    `seq` and `digest` are those of the journey in this store, which may have outcomes beyond the archive.
    """

    session_id: str
    seq: int
    digest: str
    outcomes_here: int
    outcomes_written: int
    rows_written: int

    @property
    def changed(self) -> bool:
        """Whether the import wrote outcomes or rows."""
        return bool(self.outcomes_written or self.rows_written)


@dataclass(slots=True)
class _Existing:
    """The journey in this store: its head, the seq up to which its derived rows are known to be here, and new rows.

    `place` is the archive's.
    """

    head: int
    derived: int
    new_rows: int
    place: PlaceRow | None


async def import_archive(
    store: PageStore, archive: Archive, embedder: Embedder, progress: Progress = lambda done, total: None
) -> ImportResult:
    """Write a journey into the store, or the part of it that is missing. Importing an archive again changes nothing.

    No event is published: a journey that was not here has no followers, and readers who open it read the store.
    Raises `ArchiveRefused`, before writing anything, if the archive is incomplete or was changed, or if it
    contradicts the store: another book, or a different journey of that name.
    """
    check_manifest(archive)
    await check_book(store, archive.manifest)
    existing = await _check(store, archive)
    await _commit(store, archive, existing, progress)
    await _keep_log(store, archive)
    if existing.place is not None:
        await store.put_place(existing.place)
    await _derive(store, archive, existing, embedder)
    await store.settle()
    last = await store.last_outcome(archive.manifest.session_id)
    return ImportResult(
        session_id=archive.manifest.session_id,
        seq=last.seq if last else 0,
        digest=last.state.digest() if last else archive.manifest.digest,
        outcomes_here=existing.head,
        outcomes_written=max(0, archive.manifest.outcomes - existing.head),
        rows_written=existing.new_rows,
    )


async def check_book(store: Canon, manifest: Manifest) -> None:
    """Check that this store has the book that a journey was read in. Raises `ArchiveRefused`."""
    current = await store.canon()
    if manifest.book is not None and (current is None or current.book_id != manifest.book.book_id):
        here = f"the book here is {current.title!r} ({current.book_id})" if current else "there is no book here"
        raise _wrong_book(manifest.book, here)
    for wanted in manifest.canon:
        revision = await store.canon(wanted.revision)
        if revision is None:
            raise _wrong_book(wanted, "that revision is not here")
        if book_facts(revision).content_hash != wanted.content_hash:
            raise _wrong_book(
                wanted, f"revision {wanted.revision} here has another text ({revision.content_hash[:12]}…)"
            )


def _wrong_book(book: BookFacts, here: str) -> ArchiveRefused:
    wanted = f"{book.title!r} ({book.book_id}), revision {book.revision} with the hash {book.content_hash[:12]}…"
    return refusal(
        MANIFEST,
        None,
        f"the journey was read in {wanted}; {here}",
        "Nothing was changed here. Ingest that book's revisions in their order with `qdpi ingest-canon`, or import "
        "into a data folder that has them.",
    )


async def _check(store: PageStore, archive: Archive) -> _Existing:
    journey = archive.manifest.session_id
    last, snapshot = await store.last_outcome(journey), await store.snapshot(journey)
    head = last.seq if last else 0
    check = ArchiveCheck(archive)
    here = _one_by_one(outcomes_of(store, journey, head))
    async for batch in _in_batches(check.outcomes()):
        for outcome in batch:
            await _check_conflict(store, outcome, await anext(here, None))
    new_rows = await _check_rows(store, journey, check)
    derived = min(head, snapshot.seq if snapshot else 0)
    place = await asyncio.to_thread(check.place)
    if place is not None and not check.writes(place.page_id):
        await _check_place(store, place)
    return _Existing(head, max(0, derived - BATCH), new_rows, place)


async def _check_place(store: Pages, place: PlaceRow) -> None:
    """Check that the reader is on a page of the book here, or of this journey as it is here."""
    page = await store.page(place.page_id)
    if page is None or not page.is_open_to(place.session_id):
        raise refusal(PLACE, 1, f"the page {place.page_id!r:.80} is not one of this journey or of the book here")


async def _check_conflict(store: Pages, outcome: Outcome, here: Outcome | None) -> None:
    """Check an outcome against the one of its seq here; without one, check that its page is not another journey's."""
    if here is not None:
        if digest_of(here) != digest_of(outcome):
            raise refusal(OUTCOMES, outcome.seq, "the journey of this name has a different outcome here")
    elif outcome.page is not None:
        page = await store.page(outcome.page.page_id)
        if page is not None and page.session_id != outcome.session_id:
            raise refusal(OUTCOMES, outcome.seq, f"the page {page.page_id} belongs to another journey here")


async def _check_rows(store: PageStore, journey: str, check: ArchiveCheck) -> int:
    """Check the rows of the log against those here, and return how many are new."""
    here = {row.event_id: digest_of(in_current_form(row)) async for row in _one_by_one(log_of(store, journey))}
    new = number = 0
    async for batch in _in_batches(check.rows()):
        for row in batch:
            number += 1
            if row.event_id in here and here[row.event_id] != digest_of(in_current_form(row)):
                raise refusal(LOG, number, f"the event {row.event_id} differs from the one here")
            if row.event_id not in here:
                new += 1
                await _check_saved(store, row, number, check)
    return new


async def _check_saved(store: Pages, row: LogEntry, number: int, check: ArchiveCheck) -> None:
    """Check that a row does not save another journey's page to the vault."""
    if row.type != VaultChange.topic or not isinstance(change := event_of(row), VaultChange):
        return
    if check.writes(change.page_id):
        return
    page = await store.page(change.page_id)
    if page is not None and not page.is_open_to(row.session_id):
        raise refusal(LOG, number, f"it saves the page {change.page_id}, which belongs to another journey here")


async def _commit(store: Outcomes, archive: Archive, existing: _Existing, progress: Progress) -> None:
    async for batch in _in_batches(read_values(archive, OUTCOMES, Outcome, after=existing.head)):
        for _, outcome in batch:
            await _commit_one(store, outcome)
        progress(batch[-1][0], archive.manifest.outcomes)


async def _commit_one(store: Outcomes, outcome: Outcome) -> None:
    result = await store.commit_outcome(outcome.session_id, outcome.request_id, outcome.seq - 1, outcome)
    if not isinstance(result, Committed):
        raise ArchiveRefused(
            f"The journey {outcome.session_id!r} went on during the import: its outcome {outcome.seq} differs.",
            next_step="Import the archive again; it is then checked against the journey as it is now.",
        )


async def _keep_log(store: PageStore, archive: Archive) -> None:
    """Write the rows of the log and the vault entries that they make; existing rows stay as they are."""
    async for batch in _in_batches(read_values(archive, LOG, LogEntry)):
        await store.append_log([row for _, row in batch])
        for _, row in batch:
            if row.type == VaultChange.topic and isinstance(change := event_of(row), VaultChange):
                await keep_change(change, store)


async def _derive(store: PageStore, archive: Archive, existing: _Existing, embedder: Embedder) -> None:
    """Write the rows derived from the outcomes, from a batch before where an earlier import may have stopped."""
    async for batch in _in_batches(read_values(archive, OUTCOMES, Outcome, after=existing.derived)):
        outcomes = [outcome for _, outcome in batch]
        await gather_all(*(project(outcome, store) for outcome in outcomes))
        pages = await asyncio.to_thread(with_embeddings, pages_of(outcomes), embedder)
        if pages:
            await write_rows(store, written_by(INDEXER, OF_PAGE), pages)


def _next_batch(iterator: Iterator[T]) -> list[T]:
    return list(islice(iterator, BATCH))


async def _in_batches(values: Iterator[T]) -> AsyncIterator[list[T]]:
    """Yield values in batches; a thread produces them, off the event loop."""
    while batch := await asyncio.to_thread(_next_batch, values):
        yield batch


async def _one_by_one(batches: AsyncIterator[list[T]]) -> AsyncIterator[T]:
    async for batch in batches:
        for value in batch:
            yield value
