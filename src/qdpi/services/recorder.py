"""The recorder: keeps the events log of each journey, and its vault."""

from __future__ import annotations

from qdpi.bus.port import Record
from qdpi.bus.publisher import Publisher
from qdpi.events import TOPICS, DeadLetter, Event, PageDone, PageFailed, ReaderPlace, VaultChange, decode
from qdpi.language.port import LanguageModel
from qdpi.outcome import log_entry, page_event
from qdpi.services.places import place_row
from qdpi.services.vault import keep_change
from qdpi.services.workers import ServiceWorker, consume
from qdpi.store.ports import Log, PageStore
from qdpi.system import System
from qdpi.topology import RECORDER


class Recorder:
    """Writes a journey's events to its log, and its vault. Idempotent."""

    def __init__(self, store: PageStore, publisher: Publisher) -> None:
        self._store, self._publisher = store, publisher

    async def __call__(self, record: Record) -> None:
        """Handle a record of any of the recorder's topics; an outcome is only checked, for its row is there already."""
        event = decode(TOPICS[record.topic].model, record.value)
        if isinstance(event, PageDone | PageFailed):
            return  # the generator writes an outcome's row before it publishes the outcome
        recorded = await record_event(event, self._store)
        if isinstance(recorded, VaultChange):
            await self._publish_status(recorded)

    async def _publish_status(self, change: VaultChange) -> None:
        page = await self._store.page(change.page_id)
        if page is not None:
            indexed = page.page_id in await self._store.embeddings([page.page_id])
            saved = change.action != "unsaved"
            event = page_event(page, change, "saved", change.ts, change.event_id, indexed=indexed, saved=saved)
            await self._publisher.publish(event, about=page)


async def record_event(event: Event | DeadLetter, store: PageStore) -> Event | DeadLetter:
    """Keep an event in its journey's log, and what it changes in its vault; a place replaces the one before.

    Returns the event as it was first recorded: a redelivered change of a vault with another body changes nothing.
    """
    if isinstance(event, ReaderPlace):
        await store.put_place(place_row(event))
    elif isinstance(event, Event):
        await store.append_log([log_entry(event)])
    if isinstance(event, VaultChange):
        event = await change_known(event.session_id, event.event_id, store) or event
        await keep_change(event, store)
    return event


async def change_known(session_id: str, event_id: str, store: Log) -> VaultChange | None:
    """Return a change of a vault as it was first recorded, None where it was not."""
    row = await store.logged(session_id, event_id)
    return decode(VaultChange, row.payload_json.encode()) if row else None


def build(system: System, model: LanguageModel) -> ServiceWorker:
    """Return the recorder's worker."""
    return consume(system, RECORDER, Recorder(system.store, system.publisher))
