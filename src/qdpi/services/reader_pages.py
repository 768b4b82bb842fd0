"""The reader's own pages that a run may draw on: saved ones, and those of the journey."""

from __future__ import annotations

import asyncio
from typing import Final

from qdpi.program.brief import Shelved
from qdpi.store.ports import PageStore
from qdpi.symbols import Profile, Source

KEPT: Final = 12
"""How many saved pages, and how many of the journey's own, a run may draw on: the newest."""


async def shelf_of(store: PageStore, session_id: str, head: int, profile: Profile) -> list[Shelved]:
    """Return the pages that a profile may draw on, the oldest first; none where it reads none.

    `head` is the journey's seq so far. Another reader's page is never on the shelf, whatever a vault says.
    """
    shelf: list[Shelved] = []
    if Source.VAULT in profile.sources:
        entries = (await store.vault(session_id))[-KEPT:]
        pages = await asyncio.gather(*(store.page(entry.page_id) for entry in entries))
        own = [page for page in pages if page and page.is_open_to(session_id)]
        shelf += [Shelved(Source.VAULT, page) for page in own]
    if Source.JOURNEY in profile.sources:
        outcomes = await store.outcomes(session_id, after=max(0, head - KEPT))
        shelf += [Shelved(Source.JOURNEY, outcome.page) for outcome in outcomes if outcome.page]
    return shelf
