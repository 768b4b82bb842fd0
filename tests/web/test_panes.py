"""What stands beside the page."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from tests.web.browser import open_desk

pytestmark = pytest.mark.web


async def test_a_link_to_this_computer_alone_says_so(page: Page):
    await open_desk(page, "/p/S01-P0001")

    await page.keyboard.press(",")

    settings = page.get_by_role("complementary", name="Text and settings")
    await expect(settings).to_contain_text("This address works on this computer only.")


async def test_beside_an_open_pane_the_head_has_the_whole_column(page: Page):
    await page.set_viewport_size({"width": 1000, "height": 900})
    await open_desk(page, "/p/S01-P0001")
    await page.keyboard.press(".")
    for width in (1000, 1440, 1920):
        await page.set_viewport_size({"width": width, "height": 900})

        beside = await page.get_by_role("complementary", name="Press").bounding_box()
        head = await page.locator(".masthead").bounding_box()
        title = await page.locator(".masthead-book").bounding_box()
        assert beside is not None
        assert head is not None
        assert title is not None
        assert head["width"] == pytest.approx(beside["x"], abs=1), width
        assert title["width"] > 100, width


async def test_symbols_and_words_are_seen_together_on_a_laptop(page: Page):
    await page.set_viewport_size({"width": 1440, "height": 900})
    await open_desk(page, "/p/S01-P0001")

    await page.keyboard.press(".")

    await expect(page.get_by_role("gridcell").first).to_be_in_viewport(ratio=1)
    await expect(page.get_by_label("In your words")).to_be_in_viewport(ratio=1)
    await expect(page.get_by_role("button", name="Choose a symbol first")).to_be_in_viewport(ratio=1)
