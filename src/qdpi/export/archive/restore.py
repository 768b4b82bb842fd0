"""Importing a journey: its archive is held against itself and against what is here, and only then written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from qdpi.concurrency import gather_all
from qdpi.errors import ArchiveRefused
from qdpi.events import VaultChange
from qdpi.export.archive.check import OutcomeCheck, digest_of, event_of, rows
from qdpi.export.archive.format import LOG, MANIFEST, OUTCOMES, BookFacts, Manifest, book_facts
from qdpi.export.archive.read import Archive, check_manifest, refused, values
from qdpi.outcome import LogEntry, Outcome
from qdpi.search.vectors import Embedder
from qdpi.services.projections.pages import OF_PAGE, pages_of, with_embeddings
from qdpi.services.projector import project, write_rows, written_by
from qdpi.services.vault import keep_change
from qdpi.store.paging import log_of, outcomes_of
from qdpi.store.ports import Canon, Committed, Outcomes, Pages, PageStore
from qdpi.topology import INDEXER

BATCH: Final = 100
"""How many lines are read, or written, at once."""
Progress = Callable[[int, int], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: how many outcomes and rows of the log were here before, and how many it wrote.

    `seq` and `digest` are the journey's as it stands now: it may have gone on beyond the archive.
    """

    session_id: str
    seq: int
    digest: str
    outcomes_here: int
    outcomes_written: int
    rows_written: int

    @property
    def changed(self) -> bool:
        """Whether anything was written that was not here."""
        return bool(self.outcomes_written or self.rows_written)


@dataclass(slots=True)
class _Found:
    """How far the journey is here, up to where all that follows from it surely is, and how many rows are new."""

    here: int
    derived: int
    new_rows: int


async def import_archive(
    store: PageStore, archive: Archive, embedder: Embedder, progress: Progress = lambda done, total: None
) -> Imported:
    """Bring a journey here, or what is missing of it. Importing the same archive again changes nothing.

    Nothing is published: nobody follows a journey that is not here yet, and whoever opens it reads it from the
    store. Raises `ArchiveRefused`, having written nothing, for an archive that is not whole, that was changed,
    or that says other things than what is here: another book, another journey of that name.
    """
    check_manifest(archive)
    await check_book(store, archive.manifest)
    found = await _check(store, archive)
    await _commit(store, archive, found, progress)
    await _keep_log(store, archive)
    await _derive(store, archive, found, embedder)
    await store.settle()
    last = await store.last_outcome(archive.manifest.session_id)
    return Imported(
        session_id=archive.manifest.session_id,
        seq=last.seq if last else 0,
        digest=last.state.digest() if last else archive.manifest.digest,
        outcomes_here=found.here,
        outcomes_written=max(0, archive.manifest.outcomes - found.here),
        rows_written=found.new_rows,
    )


async def check_book(store: Canon, manifest: Manifest) -> None:
    """Check that the book here is the one that a journey was read in. Raises `ArchiveRefused`."""
    current = await store.canon()
    if manifest.book is not None and (current is None or current.book_id != manifest.book.book_id):
        here = f"the book here is {current.title!r} ({current.book_id})" if current else "there is no book here"
        raise _wants(manifest.book, here)
    for wanted in manifest.canon:
        revision = await store.canon(wanted.revision)
        if revision is None:
            raise _wants(wanted, "that revision is not here")
        if book_facts(revision).content_hash != wanted.content_hash:
            raise _wants(wanted, f"revision {wanted.revision} here is another text ({revision.content_hash[:12]}…)")


def _wants(book: BookFacts, here: str) -> ArchiveRefused:
    wanted = f"{book.title!r} ({book.book_id}), revision {book.revision} with the hash {book.content_hash[:12]}…"
    return refused(
        MANIFEST,
        None,
        f"the journey was read in {wanted}, and {here}",
        "Nothing was changed here. Ingest that book's revisions in their order with `qdpi ingest-canon`, or import "
        "into a data folder that has them.",
    )


async def _check(store: PageStore, archive: Archive) -> _Found:
    journey = archive.manifest.session_id
    last, snapshot = await store.last_outcome(journey), await store.snapshot(journey)
    head = last.seq if last else 0
    check = OutcomeCheck(archive)
    here = _one_by_one(outcomes_of(store, journey, head))
    async for batch in _in_batches(check.outcomes()):
        for outcome in batch:
            await _check_beside(store, outcome, await anext(here, None))
    new_rows = await _check_rows(store, archive, check)
    derived = min(head, snapshot.seq if snapshot else 0)
    return _Found(head, max(0, derived - BATCH), new_rows)


async def _check_beside(store: Pages, outcome: Outcome, here: Outcome | None) -> None:
    """Check an outcome against the one that stands in its place, or that its page is nobody else's."""
    if here is not None:
        if digest_of(here) != digest_of(outcome):
            raise refused(OUTCOMES, outcome.seq, "the journey of this name has another outcome in its place here")
    elif outcome.page is not None:
        page = await store.page(outcome.page.page_id)
        if page is not None and page.session_id != outcome.session_id:
            raise refused(OUTCOMES, outcome.seq, f"the page {page.page_id} is another journey's here")


async def _check_rows(store: PageStore, archive: Archive, check: OutcomeCheck) -> int:
    """Return how many rows are not here."""
    journey = archive.manifest.session_id
    here = {row.event_id: digest_of(row) async for row in _one_by_one(log_of(store, journey))}
    new = number = 0
    async for batch in _in_batches(rows(archive, check.ends)):
        for row in batch:
            number += 1
            if here.get(row.event_id, digest_of(row)) != digest_of(row):
                raise refused(LOG, number, f"the event {row.event_id} is another here")
            if row.event_id not in here:
                new += 1
                await _check_saved(store, row, number, check.pages)
    return new


async def _check_saved(store: Pages, row: LogEntry, number: int, own: set[str]) -> None:
    """Check that a vault saves no page of somebody else."""
    if row.type != VaultChange.topic or not isinstance(change := event_of(row), VaultChange) or change.page_id in own:
        return
    page = await store.page(change.page_id)
    if page is not None and not page.is_open_to(row.session_id):
        raise refused(LOG, number, f"it saves the page {change.page_id}, which is another journey's here")


async def _commit(store: Outcomes, archive: Archive, found: _Found, progress: Progress) -> None:
    async for batch in _in_batches(values(archive, OUTCOMES, Outcome, after=found.here)):
        for _, outcome in batch:
            await _commit_one(store, outcome)
        progress(batch[-1][0], archive.manifest.outcomes)


async def _commit_one(store: Outcomes, outcome: Outcome) -> None:
    told = await store.commit_outcome(outcome.session_id, outcome.request_id, outcome.seq - 1, outcome)
    if not isinstance(told, Committed):
        raise ArchiveRefused(
            f"The journey {outcome.session_id!r} went on while it was imported: its outcome {outcome.seq} is another.",
            next_step="Import the archive again: it is held against what is here then.",
        )


async def _keep_log(store: PageStore, archive: Archive) -> None:
    """Write the rows of the log, and the vault that they come to; rows that are here stay as they are."""
    async for batch in _in_batches(values(archive, LOG, LogEntry)):
        await store.append_log([row for _, row in batch])
        for _, row in batch:
            if row.type == VaultChange.topic and isinstance(change := event_of(row), VaultChange):
                await keep_change(change, store)


async def _derive(store: PageStore, archive: Archive, found: _Found, embedder: Embedder) -> None:
    """Write what follows from the outcomes, from a little before where an earlier import may have broken off."""
    async for batch in _in_batches(values(archive, OUTCOMES, Outcome, after=found.derived)):
        outcomes = [outcome for _, outcome in batch]
        await gather_all(*(project(outcome, store) for outcome in outcomes))
        pages = await asyncio.to_thread(with_embeddings, pages_of(outcomes), embedder)
        if pages:
            await write_rows(store, written_by(INDEXER, OF_PAGE), pages)


def _read(iterator: Iterator[T]) -> list[T]:
    return list(islice(iterator, BATCH))


async def _in_batches(values: Iterator[T]) -> AsyncIterator[list[T]]:
    """Give values some at a time; making them is off the loop."""
    while batch := await asyncio.to_thread(_read, values):
        yield batch


async def _one_by_one(batches: AsyncIterator[list[T]]) -> AsyncIterator[T]:
    async for batch in batches:
        for value in batch:
            yield value
