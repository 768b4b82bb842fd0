"""The reader's own pages that a run may draw on: saved ones, and those of the journey."""

from __future__ import annotations

import asyncio
from typing import Final

from qdpi.program.brief import ReaderPage
from qdpi.store.ports import PageStore
from qdpi.symbols import Profile, Source

KEPT: Final = 12
"""How many of the newest saved pages, and of the journey's own, a run may draw on."""


async def find_reader_pages(store: PageStore, session_id: str, head: int, profile: Profile) -> list[ReaderPage]:
    """Return the pages that a profile may draw on, the oldest first; none where it reads none.

    `head` is the journey's seq so far. Another reader's page is never among them, whatever a vault says.
    """
    found: list[ReaderPage] = []
    if Source.VAULT in profile.sources:
        entries = (await store.vault(session_id))[-KEPT:]
        pages = await asyncio.gather(*(store.page(entry.page_id) for entry in entries))
        own = [page for page in pages if page and page.is_open_to(session_id)]
        found += [ReaderPage(Source.VAULT, page) for page in own]
    if Source.JOURNEY in profile.sources:
        outcomes = await store.outcomes(session_id, after=max(0, head - KEPT))
        found += [ReaderPage(Source.JOURNEY, outcome.page) for outcome in outcomes if outcome.page]
    return found
