"""Order per journey, concurrency between journeys, and the locus of a press without a page."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.flow.conftest import Working
from tests.support import factories as make
from tests.support.replies import Held, page_for, writer
from tests.support.scripted import Reply

from qdpi.events import PageDone, PageFailed
from qdpi.outcome import Outcome
from qdpi.system import utc_now

LOCUS = "S05-P0014"


def done(outcome: Outcome) -> PageDone:
    assert isinstance(outcome.event, PageDone)
    return outcome.event


async def test_first_press_without_a_page_is_at_the_first_page(tmp_path: Path, working: Working) -> None:
    """The first press of a journey without a page is at the first page of the ring."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        assert done(await flow.press("s", "london-fox:XC")).locus == "S01-P0001"


async def test_ask_without_symbol_and_page(tmp_path: Path, working: Working) -> None:
    """An ask without a symbol and a page is "ask user" in the voice of the locus."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        first = done(await flow.ask("s", "what is the violet ink for?"))
        assert (first.symbol_code, first.locus, first.character_id) == (0x0A, "S01-P0001", "an-author")
        page = done(await flow.press("s", "princhetta:XC", LOCUS))
        second = done(await flow.ask("s", "and who keeps it?"))
        assert (second.symbol_code, second.locus, second.character_id) == (0x7A, page.page_id, "princhetta")


async def test_ask_at_a_page(tmp_path: Path, working: Working) -> None:
    """An ask at a page is in that page's voice and has the words."""
    model = writer()
    async with asyncio.timeout(60), working(tmp_path, model) as flow:
        asked = done(await flow.ask("s", "what is the violet ink for?", LOCUS))
    assert (asked.symbol_code, asked.locus) == (0x4A, LOCUS)
    assert all("what is the violet ink for?" in prompt for prompt in model.prompts)


async def test_press_during_a_run_is_on_the_page_of_that_run(tmp_path: Path, working: Working) -> None:
    held = Held()
    replies = iter([held])
    async with asyncio.timeout(60), working(tmp_path, writer(lambda p: next(replies, page_for)(p))) as flow:
        first, second = flow.press_event("s", "london-fox:XC", LOCUS), flow.press_event("s", "london-fox:XC")
        await flow.send(first)
        await held.begun.wait()
        await flow.send(second)
        held.let_go.set()
        page = done(await flow.outcome_of("s", first.event_id)).page_id
        assert done(await flow.outcome_of("s", second.event_id)).locus == page


async def test_outcome_times_rise_without_a_clock(tmp_path: Path, working: Working) -> None:
    still = utc_now()
    standing = working(tmp_path, writer(), wrap=lambda system: replace(system, now=lambda: still))
    requests = [make.request("s", number, ts=still) for number in range(5)]
    async with asyncio.timeout(60), standing as flow:
        for request in requests:
            await flow.system.publisher.publish(request)
        outcomes = [await flow.outcome_of("s", request.press_id) for request in requests]
        snapshot = await flow.system.store.snapshot("s")
    assert [(o.at - still) // timedelta(microseconds=1) for o in outcomes] == [0, 1, 2, 3, 4]
    assert snapshot is not None
    assert snapshot.last_event_ts == outcomes[-1].at


async def test_concurrent_presses_are_answered_in_order(tmp_path: Path, working: Working) -> None:
    """Concurrent presses of a journey are answered in their order."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        presses = [flow.press_event("s", "london-fox:XC") for _ in range(12)]
        for press in presses:
            await flow.send(press)
        result = await flow.published.until(PageDone, count=12)
    assert [event.press_id for event in result] == [press.event_id for press in presses]
    assert [event.seq for event in result] == list(range(1, 13))
    assert [event.locus for event in result[1:]] == [event.page_id for event in result[:-1]]


async def test_slow_journey_delays_no_other(tmp_path: Path, working: Working) -> None:
    """A slow journey does not delay others."""
    held = Held()

    def reply(prompt: str) -> Reply:
        return held(prompt) if "slowly" in prompt else page_for(prompt)

    async with asyncio.timeout(60), working(tmp_path, writer(reply)) as flow:
        slow = flow.press_event("slow", "london-fox:XU", LOCUS, words="slowly")
        await flow.send(slow)
        await held.begun.wait()
        for number in range(3):
            for journey in ("a", "b", "c"):
                assert done(await flow.press(journey, "london-fox:XC")).seq == number + 1
        assert await flow.system.store.last_outcome("slow") is None
        held.let_go.set()
        assert done(await flow.outcome_of("slow", slow.event_id)).seq == 1


async def test_slots_bound_concurrent_model_calls(tmp_path: Path, working: Working) -> None:
    """Concurrent model calls are bounded by the model's slots."""
    writing, most, full, go = 0, 0, asyncio.Event(), asyncio.Event()

    async def reply(prompt: str) -> AsyncIterator[str]:
        nonlocal writing, most
        writing += 1
        most = max(most, writing)
        if writing == 4:
            full.set()
        await go.wait()
        writing -= 1
        yield page_for(prompt)

    async with asyncio.timeout(60), working(tmp_path, writer(reply), concurrency=4) as flow:
        presses = [flow.press_event(f"s{n}", "london-fox:XC") for n in range(10)]
        for press in presses:
            await flow.send(press)
        await full.wait()
        go.set()
        for press in presses:
            assert done(await flow.outcome_of(press.session_id, press.event_id)).seq == 1
    assert most == 4


async def test_press_on_an_unknown_page_fails_in_order(tmp_path: Path, working: Working) -> None:
    """A press on an unknown page fails in order, and the next one is answered."""
    model = writer()
    async with asyncio.timeout(60), working(tmp_path, model) as flow:
        presses = [
            flow.press_event("s", "london-fox:XC", LOCUS),
            flow.press_event("s", "london-fox:XC", "S99-P9999"),
            flow.press_event("s", "london-fox:XC"),
        ]
        for press in presses:
            await flow.send(press)
        first, refused, last = [await flow.outcome_of("s", press.event_id) for press in presses]
    assert isinstance(refused.event, PageFailed)
    assert (refused.event.error.code, refused.seq) == ("unknown_page", 2)
    assert "S99-P9999" in refused.event.error.detail
    assert refused.event.error.next_step
    assert (done(last).seq, done(last).locus) == (3, done(first).page_id)
    assert len(model.prompts) == 2


async def test_press_on_a_foreign_page_fails(tmp_path: Path, working: Working) -> None:
    """Another reader's page is refused like an unknown one."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        theirs = done(await flow.press("theirs", "london-fox:XC", LOCUS)).page_id
        refused = await flow.press("mine", "london-fox:XC", theirs)
    assert isinstance(refused.event, PageFailed)
    assert refused.event.error.code == "unknown_page"


async def test_vault_excludes_foreign_pages(tmp_path: Path, working: Working) -> None:
    """A reader's vault never has another reader's page."""
    model = writer()
    async with asyncio.timeout(60), working(tmp_path, model) as flow:
        theirs = done(await flow.press("theirs", "london-fox:XC", LOCUS))
        await flow.save("mine", theirs.page_id)
        await flow.save("mine", "S13-P0040")
        outcome = await flow.press("mine", "london-fox:YU", LOCUS)
    used = {source.page_id for source in outcome.receipt.sources}
    assert "S13-P0040" in used
    assert theirs.page_id not in used


async def test_own_pages_are_sources(tmp_path: Path, working: Working) -> None:
    """The journey's own pages are among the sources."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        pages = {done(await flow.press("s", "london-fox:XC", LOCUS)).page_id for _ in range(3)}
        outcome = await flow.press("s", "london-fox:ZS", "S13-P0040")
    assert pages & {source.page_id for source in outcome.receipt.sources if source.kind == "journey"}
