"""Walking a book's ring by the NEXT edges in the store, page by page."""

from __future__ import annotations

from typing import NamedTuple

from qdpi.store.port import CanonRevision, PageStore


class RingWalk(NamedTuple):
    """What a walk from the first page met: NEXT edges followed, and whether all pages lie on one closed ring."""

    next_edges: int
    closed: bool


async def walk_ring(store: PageStore, revision: CanonRevision) -> RingWalk:
    """Follow the stored NEXT edges from a revision's first page until one leads to where we were, or nowhere."""
    pages = await store.canon_pages(revision.revision)
    first = pages[0].page_id
    seen: set[str] = set()
    at: str | None = first
    while at is not None and at not in seen:
        seen.add(at)
        edges = await store.edges(at)
        at = edges.next_within if edges else None
    followed = len(seen) if at is not None else len(seen) - 1
    return RingWalk(followed, closed=at == first and seen == {page.page_id for page in pages})
