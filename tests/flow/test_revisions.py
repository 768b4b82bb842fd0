"""Presses and the canon's revisions: a run uses the revision of its request, and dropped pages stay readable."""

import asyncio
from pathlib import Path

from tests.flow.conftest import Working
from tests.support.books import changed, without
from tests.support.flow import Flow
from tests.support.replies import Held, page_for, writer

from qdpi.canon import own_book
from qdpi.canon.book import Book
from qdpi.events import PageDone, PageRequest
from qdpi.outcome import Outcome
from qdpi.services.ingest import ingest

LOCUS = "S05-P0014"
GONE = "S05-P0015"


def done(outcome: Outcome) -> PageDone:
    assert isinstance(outcome.event, PageDone)
    return outcome.event


async def take_in(flow: Flow, book: Book) -> int:
    taken = await ingest(flow.system.store, book, flow.system.embedder, now=flow.system.now)
    return taken.revision.revision


async def test_request_runs_on_the_revision_it_names(
    tmp_path: Path,
    working: Working,
) -> None:
    """A request that waits during a switch of the canon runs on the revision that it names."""
    held = Held()
    replies = iter([held])
    model = writer(lambda prompt: next(replies, page_for)(prompt))
    async with asyncio.timeout(60), working(tmp_path, model) as flow:
        first, second = flow.press_event("s", "london-fox:XC", LOCUS), flow.press_event("s", "london-fox:XC", LOCUS)
        await flow.send(first)
        await held.begun.wait()
        await flow.send(second)
        await flow.published.until(PageRequest, count=2)
        assert await take_in(flow, changed(own_book(), LOCUS, "Nothing here is as it was.")) == 2
        held.let_go.set()
        waited = await flow.outcome_of("s", second.event_id)
        fresh = await flow.press("s", "london-fox:XC", LOCUS)
    assert [o.receipt.canon_revision for o in (waited, fresh)] == [1, 2]
    assert ["as it was" in prompt for prompt in model.prompts] == [False, False, True]
    assert waited.page is not None
    assert waited.page.canon_revision == 1


async def test_press_on_a_dropped_page_continues_at_the_next(tmp_path: Path, working: Working) -> None:
    """A press on a dropped page continues at the next page of the ring."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        await take_in(flow, without(own_book(), GONE))
        event = done(await flow.press("s", "london-fox:XC", GONE))
        assert await flow.system.store.page(GONE) is not None
    assert (event.locus, event.anchor, event.edges.next_within) == (GONE, "S05-P0016", "S06-P0017")


async def test_return_to_a_dropped_page_leads_to_the_next(tmp_path: Path, working: Working) -> None:
    """A return to a dropped page leads to the next page of the ring."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        fork = done(await flow.press("s", "london-fox:AP", LOCUS))
        assert fork.return_to == GONE
        await take_in(flow, without(own_book(), GONE))
        assert await flow.system.store.page(fork.page_id) is not None
        for wish in ("take me back", "back again"):
            back = done(await flow.press("s", "london-fox:AU", fork.page_id, words=wish))
            assert (back.trajectory, back.return_to, back.edges.loop_back_to) == ("T1", "S05-P0016", "S05-P0016")


async def test_saved_page_is_read_in_its_own_revision(tmp_path: Path, working: Working) -> None:
    """A saved page is a source in the revision that was saved."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        await take_in(flow, changed(own_book(), "S13-P0040", own_book().pages[39].text + " And so it ends."))
        await flow.save("s", "S13-P0040")
        outcome = await flow.press("s", "london-fox:YU", LOCUS)
    assert {(s.page_id, s.revision) for s in outcome.receipt.sources if s.kind == "vault"} == {("S13-P0040", 2)}
