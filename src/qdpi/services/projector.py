"""Derive rows and messages from a committed outcome. Every time and key is the outcome's, so repeats change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from qdpi.bus.middleware.dead_letter import send_letter
from qdpi.bus.publisher import Publisher
from qdpi.concurrency import gather_all
from qdpi.events import key_of
from qdpi.outcome import Outcome, audits_of, dead_letter_of, page_events
from qdpi.services.projections.journeys import OF_EVENT, OF_JOURNEY, events_of, journey_after
from qdpi.services.projections.pages import OF_PAGE, pages_of
from qdpi.services.projections.projection import Projection, Write
from qdpi.store.ports import PageStore
from qdpi.topology import PAGE_GENERATOR, Component

S = TypeVar("S")


async def derive(outcome: Outcome, store: PageStore, publisher: Publisher) -> None:
    """Write an outcome's projections, then publish its messages: a reader who gets the outcome can read the page."""
    await project(outcome, store)
    await publish(outcome, publisher)


async def project(outcome: Outcome, store: PageStore) -> None:
    """Write the rows that the generator derives from an outcome, independent tables concurrently."""
    own, *_ = events_of(outcome)  # the recorder writes the rows of the request and the press
    await gather_all(
        write_rows(store, _PAGE_TABLES, pages_of([outcome])),
        write_rows(store, OF_EVENT, [own]),
        write_rows(store, _JOURNEY_TABLES, [journey_after(outcome)]),
    )


async def publish(outcome: Outcome, publisher: Publisher) -> None:
    """Publish an outcome, then a failure's dead letter, then its page's events and its audits concurrently."""
    about = outcome.page or outcome.request
    await publisher.publish(outcome.event, about)
    letter = dead_letter_of(outcome)
    if letter is not None:
        await send_letter(publisher.bus, letter, key_of(outcome.request))
    audits = [publisher.publish(audit, about) for audit in audits_of(outcome)]
    await gather_all(_publish_page_events(outcome, publisher), *audits)


async def _publish_page_events(outcome: Outcome, publisher: Publisher) -> None:
    # In sequence: the indexer publishes a page event too, and that must follow the one of the writing.
    for event in page_events(outcome):
        await publisher.publish(event, outcome.page)


async def write_rows(store: PageStore, projections: Iterable[Projection[S]], sources: Sequence[S]) -> None:
    """Write the rows of some tables, each shared write once, all of them concurrently."""
    await gather_all(*(write(store, sources) for write in writes_of(projections)))


def writes_of(projections: Iterable[Projection[S]]) -> list[Write[S]]:
    """Return the distinct writes of some tables."""
    return list(dict.fromkeys(projection.write for projection in projections if projection.write is not None))


def written_by(writer: Component, projections: Iterable[Projection[S]]) -> list[Projection[S]]:
    """Return those of some tables that a worker writes first."""
    return [projection for projection in projections if projection.writer is writer]


_PAGE_TABLES: Final = written_by(PAGE_GENERATOR, OF_PAGE)
_JOURNEY_TABLES: Final = written_by(PAGE_GENERATOR, OF_JOURNEY)
