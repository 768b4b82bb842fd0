"""What is derived from a committed outcome, by whoever finds it; redone, it changes nothing."""

from __future__ import annotations

from qdpi.bus.middleware.dead_letter import send_letter
from qdpi.bus.publisher import Publisher
from qdpi.canon.editions import reading_row
from qdpi.concurrency import gather_all
from qdpi.events import key_of
from qdpi.outcome import Outcome, audits_of, dead_letter_of, log_entry, page_events
from qdpi.store.ports import PageStore
from qdpi.store.rows import Snapshot


async def derive(outcome: Outcome, store: PageStore, publisher: Publisher) -> None:
    """Write an outcome's projections, tell its reader, then tell everybody else; every time and key is its own.

    The reader is told once what can be read is there. What others follow holds the offset, not the reader.
    """
    await project(outcome, store)
    await tell(outcome, publisher)


async def project(outcome: Outcome, store: PageStore) -> None:
    """Write an outcome's projections: the page after its edges, the log's row and the snapshot beside them."""
    await gather_all(
        _write_page(outcome, store),
        _keep_reading(outcome, store),
        store.append_log([log_entry(outcome.event)]),
        store.save_snapshot(snapshot_of(outcome)),
    )


async def tell(outcome: Outcome, publisher: Publisher) -> None:
    """Publish an outcome and what goes with it: a failure's dead letter, then the page's events and the audit."""
    about = outcome.page or outcome.request
    await publisher.publish(outcome.event, about)
    letter = dead_letter_of(outcome)
    if letter is not None:
        await send_letter(publisher.bus, letter, key_of(outcome.request))
    audits = [publisher.publish(audit, about) for audit in audits_of(outcome)]
    await gather_all(_tell_of_page(outcome, publisher), *audits)


async def _tell_of_page(outcome: Outcome, publisher: Publisher) -> None:
    # One after another: who is asked to index a page tells of it too, and that must come after its writing.
    for event in page_events(outcome):
        await publisher.publish(event, outcome.page)


async def _write_page(outcome: Outcome, store: PageStore) -> None:
    if outcome.page is not None:
        await store.link_page(outcome.page)
        await store.put_page(outcome.page)


async def _keep_reading(outcome: Outcome, store: PageStore) -> None:
    if outcome.page is not None and outcome.reading is not None:
        await store.put_readings([reading_row(outcome.page, outcome.reading)])


def snapshot_of(outcome: Outcome) -> Snapshot:
    """Return the journey's snapshot after an outcome."""
    return Snapshot(
        session_id=outcome.session_id,
        seq=outcome.seq,
        state=outcome.state,
        last_event_ts=outcome.at,
        cursor=outcome.event.event_id,
    )
