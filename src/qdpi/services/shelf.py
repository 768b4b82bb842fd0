"""The reader's own passages that a run may draw on: saved pages, and pages of the journey."""

from __future__ import annotations

from typing import Final

from qdpi.page_schema import Page
from qdpi.retrieval.index import Kind, Passage
from qdpi.store.port import PageStore
from qdpi.symbols import Profile, Source

KEPT: Final = 24
"""How many saved pages, and how many of the journey's own, a run may draw on: the newest."""


async def shelf_of(store: PageStore, session_id: str, head: int, profile: Profile) -> list[Passage]:
    """Return the passages that a profile may draw on, the oldest first; none where it reads none."""
    shelf: list[Passage] = []
    if Source.VAULT in profile.sources:
        entries = (await store.vault(session_id))[-KEPT:]
        pages = [await store.page(entry.page_id) for entry in entries]
        shelf += [_passage(page, "vault") for page in pages if page]
    if Source.JOURNEY in profile.sources:
        outcomes = await store.outcomes(session_id, after=max(0, head - KEPT))
        shelf += [_passage(outcome.page, "generated") for outcome in outcomes if outcome.page]
    return shelf


def _passage(page: Page, kind: Kind) -> Passage:
    return Passage(page_id=page.page_id, section=page.section, text=page.text, kind=kind)
