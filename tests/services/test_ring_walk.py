"""The walk along the stored NEXT edges of a book."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.gateway import system_in

from qdpi.page_schema import Page
from qdpi.services.ingest import RingWalk, walk_ring
from qdpi.system import System


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with system_in(tmp_path) as opened:
        yield opened


async def walked(system: System) -> RingWalk:
    revision = await system.store.canon()
    assert revision is not None
    return await walk_ring(system.store, revision)


async def lead(system: System, page: Page, target: str | None) -> None:
    """Change the stored NEXT edge of a page to another page, or remove it."""
    edges = page.edges.model_copy(update={"next_within": target})
    await system.store.link_page(page.model_copy(update={"edges": edges, "revision": page.revision + 1}))


async def test_walk_ring_of_a_closed_ring(system: System):
    """A whole ring leads through every page and back."""
    pages = list((await system.editions.current()).pages)

    assert await walked(system) == RingWalk(next_edges=len(pages), closed=True)


@pytest.mark.parametrize(
    ("place", "target", "followed"),
    [
        pytest.param(4, None, 4, id="nowhere"),
        pytest.param(4, 2, 5, id="back into the middle"),
        pytest.param(4, 0, 5, id="back too early"),
        pytest.param(4, "S99-P9999", 5, id="out of the book"),
    ],
)
async def test_walk_ring_of_a_broken_ring(system: System, place: int, target: int | str | None, followed: int):
    """A broken ring is not closed."""
    pages = list((await system.editions.current()).pages.values())
    await lead(system, pages[place], pages[target].page_id if isinstance(target, int) else target)

    assert await walked(system) == RingWalk(next_edges=followed, closed=False)
