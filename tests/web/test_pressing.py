"""A reader presses: by mouse, by two hex digits, by keyboard in the grid, in words; and sees what each would do."""

from __future__ import annotations

import json
import re
from typing import Final

import pytest
from playwright.async_api import Page, Request, Route, expect
from tests.web.browser import Faults, open_desk
from tests.web.reader import FIRST, bound, cell, open_grid, press, sit_down

from qdpi.client import Client
from qdpi.symbols import Trajectory

pytestmark = pytest.mark.web

PRESSES: Final = "**/api/v1/event/ui/symbol"
PLAIN: Final = {
    "licence": "never does that",
    "return-debt": "a way must lead back first",
}
WORDS: Final = "What does the <b>kettle</b> remember?"


async def test_a_cell_says_what_it_would_do_before_it_is_pressed(still: Page, client: Client):
    """Nothing is chosen at first. A click chooses, wherever the pointer goes next; a second one presses."""
    session = await sit_down(still)
    await open_grid(still)
    outlook = still.locator(".outlook")
    await expect(still.get_by_role("button", name="Choose a symbol first")).to_be_disabled()
    await expect(still.locator('[aria-selected="true"]')).to_have_count(0)
    await cell(still, 0x35).hover()
    await expect(outlook).to_contain_text("35 Phillip")

    await cell(still, 0x2A).click()
    await cell(still, 0x35).hover()

    await expect(outlook).to_contain_text("2A Glyph Marrow, Ask · User. It would go on from here.")
    await expect(still.get_by_role("button", name="Press 2A")).to_be_enabled()
    assert (await client.tree(session)).head == 0
    await cell(still, 0x2A).click()
    await expect(bound(still)).to_be_visible()
    assert (await client.tree(session)).symbol == [0x2A]


async def test_a_phone_asks_who_then_how_and_says_the_sentence(phone: Page, client: Client):
    """Three steps, each in reach of a thumb; words go with the press, and the first step comes back."""
    session = await sit_down(phone)
    await phone.get_by_role("button", name="Press", exact=True).tap()
    await phone.get_by_role("button", name="Princhetta").tap()
    await phone.get_by_role("button", name="Another voice").tap()
    await phone.get_by_role("button", name="Glyph Marrow").tap()
    await expect(phone.get_by_text("How does Glyph Marrow answer?")).to_be_focused()
    await phone.get_by_role("button", name="Ask · User").tap()

    await expect(phone.locator(".outlook")).to_contain_text("2A Glyph Marrow, Ask · User. It would go on from here.")
    await phone.get_by_label("In your words").fill(WORDS)
    await phone.get_by_role("button", name="Press 2A with your words").tap()

    await expect(bound(phone).locator(".asked")).to_have_text(f"You asked: {WORDS}")
    assert (await client.tree(session)).symbol == [0x2A]


async def test_a_reader_types_s_and_two_hex_digits_and_sees_what_they_would_do(still: Page, client: Client):
    session = await sit_down(still)
    typed = still.locator(".typed")

    await still.keyboard.press("s")
    await expect(typed).to_contain_text("two hex digits")
    await still.keyboard.type("1g")
    await expect(typed).to_be_hidden()
    await still.keyboard.type("s1f")
    await expect(typed).to_contain_text("1F, ")
    await expect(typed).to_contain_text("Receive · System: It would ")
    await still.keyboard.press("Enter")

    await expect(bound(still)).to_be_visible()
    assert (await client.tree(session)).symbol == [0x1F]


async def test_escape_forgets_what_was_typed(still: Page, client: Client):
    session = await sit_down(still)
    await still.keyboard.type("s1f")
    await expect(still.locator(".typed")).to_contain_text("Esc forgets")

    await still.keyboard.press("Escape")
    await still.keyboard.press("Enter")

    await expect(still.locator(".typed")).to_be_hidden()
    assert (await client.runs_under_way(session)).runs == ()
    assert (await client.tree(session)).head == 0


async def test_a_reader_presses_by_the_arrow_keys_in_the_grid(still: Page, client: Client):
    """One stop of the tab key; the arrows go around the edges; Enter presses."""
    session = await sit_down(still)
    await open_grid(still)
    await expect(still.locator('.cell[tabindex="0"]')).to_have_count(1)
    await still.locator('.cell[tabindex="0"]').focus()

    for key in ("Home", "ArrowUp", "ArrowLeft", "ArrowUp"):
        await still.keyboard.press(key)
    await expect(cell(still, 0xEF)).to_be_focused()
    await expect(still.locator(".outlook")).to_contain_text("EF")
    await still.keyboard.press("Enter")

    await expect(bound(still)).to_be_visible()
    assert (await client.tree(session)).symbol == [0xEF]


async def test_a_reader_asks_a_symbol_in_words(still: Page, client: Client):
    """The words stand on the page, as text; they are the press's own for ever."""
    session = await sit_down(still)
    await open_grid(still)
    await cell(still, 0x35).click()
    await still.get_by_label("In your words").fill(WORDS)

    await still.get_by_role("button", name="Press 35").click()

    await expect(bound(still).locator(".asked")).to_have_text(f"You asked: {WORDS}")
    tree = await client.tree(session)
    assert tree.symbol == [0x35]
    assert (await client.page(str(tree.page_id[0]), session_id=session)).user_intent == WORDS


async def test_a_reader_asks_in_words_and_the_book_chooses_who_answers(still: Page, client: Client):
    session = await sit_down(still)
    await open_grid(still)
    choose = still.get_by_role("button", name="Let the book choose who answers")
    await expect(choose).to_be_disabled()
    await still.get_by_label("In your words").fill(WORDS)

    await choose.click()

    await expect(bound(still).locator(".asked")).to_have_text(f"You asked: {WORDS}")
    assert (await client.tree(session)).head == 1


async def test_each_cell_says_what_it_would_do_and_why_a_door_is_closed(still: Page, client: Client):
    """The reasons are those of the server's own preview, in plain words; a voice in a sentence stands with them."""
    session = await sit_down(still)
    for symbol in (0x1F, 0x2F):
        await client.run(symbol, session_id=session, page_id=FIRST)
    await open_grid(still)
    await expect(still.locator(".branches .card")).to_have_count(2)
    told = await client.preview_lean(session, page_id=FIRST)
    await expect(cell(still, 0x00)).to_have_attribute("data-given", told.behaviours[0].given.value)

    doors = still.locator(".outlook .closed li")
    closings = set()
    for behavior, behaviour in enumerate(told.behaviours):
        each = cell(still, 0x40 + behavior)
        await expect(each).to_have_attribute("data-given", behaviour.given.value)
        await each.focus()
        await expect(still.locator(".outlook strong").first).to_contain_text(f"{0x40 + behavior:02X}")
        closed = [told.closings[n] for n in behaviour.closed]
        never = {door.trajectory for door in closed if door.rule == "licence"}
        mattering = [door for door in closed if door.rule == "licence" or door.trajectory not in never]
        await expect(doors).to_have_count(len(mattering))
        said = " ".join(await doors.all_inner_texts())
        assert not re.search(r"\bT\d\b|\(es\)|\(s\)", said)
        assert all(PLAIN[door.rule] in said for door in mattering)
        closings |= {door.rule for door in mattering}
    assert closings == PLAIN.keys()
    voice = next(each for each in await client.voices() if each.character == 4)
    await expect(still.locator(".outlook")).to_contain_text(voice.sentence)


async def test_the_grid_is_named_for_those_who_hear_it(still: Page):
    await sit_down(still)
    await open_grid(still)

    grid = still.get_by_role("grid")
    await expect(grid.get_by_role("row")).to_have_count(17)
    await expect(grid.get_by_role("gridcell")).to_have_count(256)
    assert Trajectory("T0").value == await cell(still, 0).get_attribute("data-given")
    names = await grid.locator(".cell").evaluate_all("(cells) => cells.map((cell) => cell.getAttribute('aria-label'))")
    assert len(set(names)) == 256
    assert all("It would" in name for name in names)


async def test_a_press_that_is_not_taken_says_why_and_keeps_the_words(still: Page, faults: Faults, client: Client):
    faults.expect("console: Failed to load resource: .*429")
    problem = {"code": "limited", "detail": "32 presses are waiting.", "next_step": "Wait for one.", "status": 429}

    async def refuse(route: Route) -> None:
        await route.fulfill(status=429, body=json.dumps(problem), content_type="application/problem+json")

    session = await sit_down(still)
    await still.route(PRESSES, refuse)
    await open_grid(still)
    await cell(still, 0x0F).click()
    await still.evaluate("() => scrollTo(0, 60)")
    await still.get_by_label("In your words").fill(WORDS)
    await still.get_by_role("button", name="Press 0F").click()

    notice = still.get_by_role("group", name="The press was not taken")
    await expect(notice).to_contain_text("32 presses are waiting.")
    await expect(notice).to_contain_text("Wait for one.")
    await expect(still.get_by_label("In your words")).to_have_value(WORDS)
    assert await still.evaluate("() => scrollY") == 60

    await still.unroute(PRESSES)
    await still.get_by_role("button", name="Press 0F").click()
    await expect(bound(still).locator(".asked")).to_contain_text(WORDS)
    assert (await client.tree(session)).head == 1
    await open_grid(still)
    await expect(still.get_by_label("In your words")).to_have_value("")


async def test_a_press_whose_answer_is_lost_is_sent_again_and_is_one_press(still: Page, faults: Faults, client: Client):
    faults.expect("console: Failed to load resource: net::ERR_FAILED")
    sent: list[Request] = []

    async def lose_the_first(route: Route) -> None:
        sent.append(route.request)
        if len(sent) == 1:
            await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    session = await sit_down(still)
    await still.route(PRESSES, lose_the_first)
    await press(still, "1F")

    await expect(bound(still)).to_be_visible()
    assert len(sent) == 2
    assert (await client.tree(session)).head == 1


async def test_a_reader_presses_again_on_the_same_page(still: Page, client: Client):
    session = await sit_down(still)
    for symbol in ("10", "20"):
        await open_desk(still, f"/p/{FIRST}")
        await press(still, symbol)
        await expect(bound(still)).to_be_visible()
    assert (await client.tree(session)).symbol == [0x10, 0x20]
