import asyncio
from pathlib import Path

from tests.flow.conftest import Working

from qdpi.events import PageDone
from qdpi.symbols import Trajectory


async def test_press_is_answered_by_a_page_on_the_ring(tmp_path: Path, working: Working):
    """A press is answered by a page that is bound to the ring."""
    async with working(tmp_path) as flow, asyncio.timeout(60):
        outcome = await flow.press("s1", "an-author:XC", "S01-P0002")
        assert isinstance(outcome.event, PageDone)
        assert outcome.event.trajectory is Trajectory.CONTINUE
        assert outcome.event.edges.next_within == "S01-P0003"
        assert outcome.page is not None
        assert await flow.system.store.page(outcome.page.page_id) == outcome.page
