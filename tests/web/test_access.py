"""The page for everybody: for eyes, ears, keys and fingers of every kind."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from playwright.async_api import Page, expect
from tests.web.browser import Axe, Faults, open_desk, show_people
from tests.web.conftest import PHONE, OpenContext
from tests.web.desk_views import VIEWS, Journey

pytestmark = pytest.mark.web

WINDOWS: Final[dict[str, dict[str, Any]]] = {"wide": {}, "phone": PHONE}
ABSENT: Final = "404 .*b2a7d4c6-3a5a"
"""What the console says of the page that is opened although there is none."""
LEAST_TARGET: Final = 24
"""The least width and height of what is pressed, in CSS pixels (WCAG 2.5.8)."""


@pytest.mark.parametrize("window", WINDOWS)
async def test_axe_finds_nothing_in_any_view(
    open_context: OpenContext, journey: Journey, axe: Axe, faults: Faults, window: str
):
    """In the dark, where only colours differ, by the rules with colours. Each view has one first heading."""
    faults.expect(ABSENT)
    page = await (await open_context(**WINDOWS[window], **journey.device())).new_page()
    found = list[str]()
    for name, opens in VIEWS.items():
        await opens(page, journey)
        found += [f"{name}: {sentence}" for sentence in await axe(page)]
        await show_people(page, f"{name}-{window}-light")
        await page.emulate_media(color_scheme="dark")
        found += [f"{name}, dark: {sentence}" for sentence in await axe(page, "wcag2aa")]
        await show_people(page, f"{name}-{window}-dark")
        await page.emulate_media(color_scheme="light")
        if await page.get_by_role("heading", level=1).count() != 1:
            found.append(f"{name}: not one first heading")
        if await page.locator("[role=status], [aria-live]").count() != 1:
            found.append(f"{name}: not one status")
    assert not found, "\n".join(found)


async def test_the_focus_goes_into_a_pane_and_back_to_what_opened_it(page: Page):
    await open_desk(page)
    for opener in ("Text and settings", "Take it with you", "Keys and help"):
        button = page.get_by_role("button", name=opener, exact=True)
        await button.focus()

        await page.keyboard.press("Enter")
        await expect(page.get_by_role("complementary", name=opener).get_by_role("heading", level=2)).to_be_focused()
        await page.keyboard.press("Escape")

        await expect(page.get_by_role("complementary", name=opener)).to_have_count(0)
        await expect(button).to_be_focused()


async def test_escape_leaves_a_field_and_the_palette_opens_from_one(page: Page):
    await open_desk(page)
    await page.keyboard.press("p")
    await expect(page.get_by_role("combobox")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("combobox")).to_have_count(0)

    await page.keyboard.press(".")
    await page.get_by_label("In your words").fill("ps.")
    await page.keyboard.press("Control+k")

    await expect(page.get_by_role("combobox")).to_be_focused()
    await expect(page.get_by_role("combobox")).to_have_value("")


async def test_characters_are_no_commands_when_they_are_switched_off(page: Page):
    """All of them: not letters alone, but `.`, `,`, `/` and `?` too. It stays so after a reload."""
    await open_desk(page)
    await page.keyboard.press(",")
    await page.get_by_label("Single letters are commands").uncheck()
    await page.reload()
    await open_desk(page, "/p/S01-P0001")

    await page.keyboard.type("p.,/?wes1f")

    await expect(page.locator("aside, .typed")).to_have_count(0)
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox")).to_be_focused()


async def test_a_command_takes_a_key_of_the_reader_s_and_keeps_it(page: Page):
    await open_desk(page)
    await page.keyboard.press(",")
    await page.get_by_text("Keys", exact=True).click()
    key = page.get_by_role("button", name="Key of: Keys and help")
    await key.press("Enter")
    await key.press("Shift+Q")
    await page.reload()
    await open_desk(page, "/p/S01-P0001")

    await page.keyboard.press("Shift+Q")

    await expect(page.get_by_role("complementary", name="Keys and help")).to_be_visible()


async def test_a_key_is_not_given_to_two_commands(page: Page):
    await open_desk(page)
    await page.keyboard.press(",")
    await page.get_by_text("Keys", exact=True).click()
    key = page.get_by_role("button", name="Key of: Keys and help")
    await key.press("Enter")
    await key.press("v")

    await expect(page.get_by_role("group", name="This key is taken")).to_contain_text("The vault")
    kept = json.loads(await page.evaluate("() => localStorage.getItem('qdpi.settings')"))
    assert kept["keys"] == {}


async def test_the_grid_says_in_words_what_a_press_would_do(open_context: OpenContext, journey: Journey):
    """And in the past, where nothing is pressed, that it is the past: its cells can still be focused."""
    page = await (await open_context(**journey.device())).new_page()
    await VIEWS["press"](page, journey)
    grid = page.get_by_role("grid")
    await expect(grid.get_by_role("rowheader")).to_have_count(16)
    await expect(grid.get_by_role("gridcell")).to_have_count(256)
    await expect(grid.get_by_role("button", name="1F, London Fox, Receive · System: It would")).to_be_visible()

    await VIEWS["past"](page, journey)
    await page.keyboard.press(".")
    await expect(grid.locator("button:not([aria-disabled=true])")).to_have_count(0)
    await page.locator('[data-code="31"]').focus()
    await expect(page.get_by_role("button", name="1F, London Fox, Receive · System: This is the past")).to_be_focused()


async def test_at_four_hundred_percent_nothing_scrolls_sideways(
    open_context: OpenContext, journey: Journey, faults: Faults
):
    """A window of 1280 by 1024 at 400 %: 320 by 256. What is pressed stays large enough to be pressed."""
    faults.expect(ABSENT)
    window = {"width": 320, "height": 256}
    page = await (await open_context(viewport=window, **journey.device())).new_page()
    found = list[str]()
    for name, opens in VIEWS.items():
        await opens(page, journey)
        await show_people(page, f"{name}-zoomed")
        if not await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"):
            found.append(f"{name}: wider than the window")
        small = await page.locator("button:visible").evaluate_all(
            """(buttons, least) => buttons.map((each) => [each.getBoundingClientRect(), each.outerHTML.slice(0, 120)])
              .filter(([box]) => Math.min(box.width, box.height) < least).map(([, markup]) => markup)""",
            LEAST_TARGET,
        )
        found += [f"{name}: too small: {markup}" for markup in small]
    assert not found, "\n".join(found)
