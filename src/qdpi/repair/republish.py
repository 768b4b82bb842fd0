"""Republish page events: a page's status is derived from the store, and may be published again."""

from __future__ import annotations

from collections.abc import AsyncIterator

from qdpi.events import Event, PageChange
from qdpi.outcome import page_event
from qdpi.page_schema import Page
from qdpi.store.paging import outcomes_of
from qdpi.system import System


async def republish_page_events(system: System, sessions: AsyncIterator[str]) -> int:
    """Publish the present status of every page of journeys; return the number of pages."""
    count = 0
    async for session in sessions:
        saved = {entry.page_id for entry in await system.store.vault(session)}
        async for chunk in outcomes_of(system.store, session):
            for outcome in chunk:
                if outcome.page is not None:
                    await _publish(system, outcome.page, outcome.event, outcome.page.page_id in saved)
                    count += 1
    return count


async def _publish(system: System, page: Page, cause: Event, saved: bool) -> None:
    indexed = page.page_id in await system.store.embeddings([page.page_id])
    change: PageChange = "indexed" if indexed else "written"
    event = page_event(page, cause, change, cause.ts, str(page.revision), indexed=indexed, saved=saved)
    await system.publisher.publish(event, about=page)
