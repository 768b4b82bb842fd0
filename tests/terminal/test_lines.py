"""The line mode: commands in, pages out, in their order."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.gateway import background
from tests.terminal.conftest import LinesAtWork, desk_in

from qdpi.events import Ask, Fault, Press
from qdpi.ids import bitmap_of
from qdpi.symbols import Trajectory

FAULT = Fault(code="model_failed", detail="Nothing came.", next_step="Press again.")


async def test_script_ends_with_its_input(tmp_path: Path):
    """A script reads, presses, and ends with its input."""
    async with desk_in(tmp_path) as desk:
        at_work = LinesAtWork(desk)
        at_work.type("next", "press 1f T2 Who?", "where")
        at_work.end()
        async with background(at_work.line_reader.run()) as _:
            press = await desk.pressed()
            assert isinstance(press, Press)
            assert (press.symbol_code, press.page_id, press.user_intent) == (0x1F, "S01-P0002", "Who?")
            assert press.trajectory is Trajectory.FORK
            await desk.generator.answer("alice", press.event_id, text="The page that the generator wrote.")
            await at_work.prints("1 written")
    assert at_work.printed.index("S01-P0001") < at_work.printed.index("S01-P0002")
    assert at_work.printed.index("The page that the generator wrote.") < at_work.printed.index("1 written")
    assert at_work.line_reader.refused == 0


async def test_where_says_who_writes_and_the_limits(tmp_path: Path):
    async with desk_in(tmp_path) as desk:
        at_work = LinesAtWork(desk)
        at_work.type("press 0x01", "where")
        at_work.end()
        async with background(at_work.line_reader.run()) as _:
            press = await desk.pressed()
            await desk.generator.answer("alice", press.event_id, model="offline")
            await at_work.prints("Session alice")
    assert "Who writes: The offline writer, which is no language model" in at_work.printed
    assert "0 of 64 departures · 0 branches open, at most 2 in a section" in at_work.printed


async def test_command_waits_for_the_page_except_stop(tmp_path: Path):
    async with desk_in(tmp_path) as desk:
        at_work = LinesAtWork(desk)
        at_work.type("ask Who is there?", "stop", "where")
        at_work.end()
        reading = asyncio.create_task(at_work.line_reader.run())
        asked = await desk.pressed()
        assert isinstance(asked, Ask)
        stopped = await stop_of(desk.generator.system)
        assert stopped == asked.event_id
        assert "written ·" not in at_work.printed
        await desk.generator.answer("alice", asked.event_id, fault=FAULT.model_copy(update={"code": "stopped"}))
        await reading
    assert "No page: Nothing came. Press again." in at_work.printed
    assert at_work.printed.index("No page") < at_work.printed.index("0 written")


async def stop_of(system) -> str:
    from qdpi.bus.port import Start
    from qdpi.events import Stop, decode

    async with system.bus.tap([Stop.topic], Start.EARLIEST) as records:
        async for record in records:
            return decode(Stop, record.value).press_id
    raise AssertionError


async def test_refused_command_reported(tmp_path: Path):
    """A refused command is reported and counted, and the next one runs."""
    async with desk_in(tmp_path) as desk:
        at_work = LinesAtWork(desk)
        at_work.type("fly", "press nobody:XC", "go S99-P9999", "unsave", "", "again", "next")
        at_work.end()
        await at_work.line_reader.run()
    assert "'fly' is no command. `help` lists them." in at_work.printed
    assert "'nobody:XC' is not a symbol." in at_work.printed
    assert "This is a page of the book" in at_work.printed
    assert at_work.printed.rstrip().index("S01-P0002")
    assert at_work.line_reader.refused >= 3


async def test_again_presses_with_the_same_words_and_wish(tmp_path: Path):
    """A sibling is pressed at the same locus, with the same symbol, words and wish; the page shows the words."""
    async with desk_in(tmp_path) as desk:
        at_work = LinesAtWork(desk)
        at_work.type("press 0x1f T2 who left the door open?", "again")
        async with background(at_work.line_reader.run()):
            first = await desk.pressed()
            await desk.generator.answer("alice", first.event_id, answers=first)
            again = await desk.pressed()
            await desk.generator.answer("alice", again.event_id, answers=again)
            await at_work.prints("You asked: who left the door open?")
            at_work.end()
    assert isinstance(first, Press)
    assert isinstance(again, Press)
    assert again.event_id != first.event_id
    assert (again.symbol_code, again.page_id) == (first.symbol_code, first.page_id) == (0x1F, "S01-P0001")
    assert (again.words, again.wish) == (first.words, first.wish) == ("who left the door open?", Trajectory.FORK)
    assert "You asked: who left the door open?" in at_work.printed


async def test_run_from_before_is_taken_up_with_its_words(tmp_path: Path):
    """Whoever comes back learns what is being written, may stop it, and gets its page."""
    async with desk_in(tmp_path) as desk:
        asked = await desk.client.ask("alice", "Who left the door open?")
        await desk.client.press("alice", 3)
        first = await desk.pressed()
        at_work = LinesAtWork(desk)
        async with background(at_work.line_reader.run()):
            await at_work.prints("A page is still being written; `stop` keeps its text so far. You asked: Who left")
            at_work.type("stop")
            assert await stop_of(desk.generator.system) == asked.event_id == first.event_id
            await desk.generator.answer("alice", first.event_id, text="The page of before.")
            await at_work.prints("The page of before.")
            at_work.end()


async def test_book_is_opened_where_it_was_left(tmp_path: Path):
    """Page turns are kept: another session of the journey goes on there, and knows what was read."""
    async with desk_in(tmp_path) as desk:
        at_work = LinesAtWork(desk)
        at_work.type("next", "go S02-P0005")
        at_work.end()
        await at_work.line_reader.run()
        again = LinesAtWork(desk)
        again.type("where")
        again.end()
        await again.line_reader.run()
        place = await desk.client.place("alice")
    assert again.printed.index("S02-P0005") < again.printed.index("Session alice")
    assert "Read: 3 of the book's 48 pages, 0 of those written." in again.printed
    assert (place.page_id, place.canon) == ("S02-P0005", bitmap_of([1, 2, 5]))


async def test_live_text_not_printed_twice(tmp_path: Path):
    """Text is typed as it arrives, and a typed page is not printed again."""
    async with desk_in(tmp_path) as desk:
        at_work = LinesAtWork(desk, live=True)
        at_work.type("press 0")
        async with background(at_work.line_reader.run()):
            press = await desk.pressed()
            await desk.generator.publish_delta("alice", press.event_id, "The door was op", 0)
            await at_work.prints("The door was")
            await desk.generator.publish_delta("alice", press.event_id, "en all night.", 15)
            await at_work.prints("The door was open all")
            await desk.generator.answer("alice", press.event_id, text="The door was open all night.")
            await at_work.prints("written by")
            at_work.end()
    assert at_work.printed.count("The door was open all night.") == 1


async def test_new_attempt_and_different_page_printed(tmp_path: Path):
    """A new attempt is announced, and a page that differs from the typed text is printed."""
    async with desk_in(tmp_path) as desk:
        at_work = LinesAtWork(desk, live=True)
        at_work.type("press 0")
        async with background(at_work.line_reader.run()):
            press = await desk.pressed()
            await desk.generator.publish_delta("alice", press.event_id, "A first try", 0)
            await at_work.prints("A first")
            await desk.generator.publish_delta("alice", press.event_id, "A second", 0, attempt=2)
            await at_work.prints("restarted. A")
            await desk.generator.answer("alice", press.event_id, text="A third, reworked.")
            await at_work.prints("A third, reworked.")
            at_work.end()


async def test_first_interrupt_stops_and_second_leaves(tmp_path: Path):
    async with desk_in(tmp_path) as desk:
        at_work = LinesAtWork(desk)
        at_work.type("press 0")
        reading = asyncio.create_task(at_work.line_reader.run())
        press = await desk.pressed()
        at_work.line_reader.interrupt()
        assert await stop_of(desk.generator.system) == press.event_id
        assert not reading.done()
        at_work.line_reader.interrupt()
        await reading


async def test_interrupt_without_a_page_in_flight_leaves(tmp_path: Path):
    async with desk_in(tmp_path) as desk:
        at_work = LinesAtWork(desk)
        reading = asyncio.create_task(at_work.line_reader.run())
        await at_work.prints("S01-P0001")
        at_work.line_reader.interrupt()
        await reading


async def test_page_in_flight_is_resumed(tmp_path: Path):
    async with desk_in(tmp_path) as desk:
        press = (await desk.client.press("alice", 0)).event_id
        await desk.generator.publish_delta("alice", press, "Begun before ", 0)
        at_work = LinesAtWork(desk, live=True)
        async with background(at_work.line_reader.run()):
            await desk.generator.publish_delta("alice", press, "Begun before you came", 0)
            await at_work.prints("Begun before")
            await desk.generator.answer("alice", press, text="Begun before you came.")
            await at_work.prints("written by")
            at_work.end()


async def test_page_of_another_window_is_announced(tmp_path: Path):
    async with desk_in(tmp_path) as desk:
        at_work = LinesAtWork(desk)
        async with background(at_work.line_reader.run()):
            at_work.type("next")
            await at_work.prints("S01-P0002")
            await desk.client.press("alice", 0)
            other = await desk.pressed()
            await desk.generator.answer("alice", other.event_id, title="From the other window")
            await at_work.prints("A page was written elsewhere in this journey: From the other window")
            at_work.end()


async def test_every_command(tmp_path: Path):
    """Every command that only reads, on a journey with pages, a branch, a vault and siblings."""
    async with desk_in(tmp_path) as desk:
        for number in range(2):
            press = (await desk.client.press("alice", 0x10, page_id="S01-P0001")).event_id
            await desk.pressed()
            await desk.generator.answer("alice", press, title=f"Sibling {number}", text=f"lantern {number}")
        at_work = LinesAtWork(desk)
        at_work.type(
            "go #1", "save the lamp", "vault", "label a lamp", "alternatives", "other", "symbols", "symbols 1f"
        )
        at_work.type(
            "branches", "pages", "why", "search lantern", "ring", "where", "help", "previous", "return", "read"
        )
        at_work.type("go #2", "unsave", "vault", "go S02-P0004", "next", "previous", "quit", "never done")
        await at_work.line_reader.run()
    for words in (
        "Saved: Sibling 0, as the lamp.",
        "1/2 Sibling 0",
        "2 of 2 written at S01-P0001",
        "Sibling 1",
        "XC XP XU XS",
        "Speaks plainly.",
        "No branch is open.",
        "#2 Sibling 1",
        "[lantern]",
        "London Fox",
        "Session alice",
        "S02-P0005",
    ):
        assert words in at_work.printed, words
    assert at_work.line_reader.refused == 0
