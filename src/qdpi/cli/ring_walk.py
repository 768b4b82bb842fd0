"""Walking a book's ring by the NEXT edges in the store, page by page."""

from __future__ import annotations

from typing import NamedTuple

from qdpi.concurrency import map_concurrently
from qdpi.store.ports import PageStore
from qdpi.store.rows import CanonRevision


class RingWalk(NamedTuple):
    """What a walk from the first page met: NEXT edges followed, and whether all pages lie on one closed ring."""

    next_edges: int
    closed: bool


async def walk_ring(store: PageStore, revision: CanonRevision) -> RingWalk:
    """Follow the stored NEXT edges from a revision's first page until one leads to where we were, or nowhere."""
    page_ids = [page.page_id for page in await store.canon_pages(revision.revision)]
    # Read beforehand, many at a time: a walk that asks for each is as slow as the store is far.
    edges = dict(zip(page_ids, await map_concurrently(store.edges, page_ids), strict=True))
    seen: set[str] = set()
    at: str | None = page_ids[0]
    while at is not None and at not in seen:
        seen.add(at)
        leaving = edges.get(at)
        at = leaving.next_within if leaving else None
    followed = len(seen) if at is not None else len(seen) - 1
    return RingWalk(followed, closed=at == page_ids[0] and seen == set(page_ids))
