"""The keys of the page, in and out of its fields."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from tests.web.browser import open_desk

pytestmark = pytest.mark.web


async def test_escape_in_a_field_closes_the_pane_that_it_is_in(page: Page):
    await open_desk(page, "/p/S01-P0001")
    for key, field in (("p", "#palette-query"), (".", ".ask textarea")):
        await page.keyboard.press(key)
        await page.locator(field).fill("a lemon")

        await page.keyboard.press("Escape")

        await expect(page.locator(field)).to_have_count(0)


async def test_control_k_opens_the_palette_from_a_field(page: Page):
    await open_desk(page, "/p/S01-P0001")
    await page.keyboard.press(".")
    await page.locator(".ask textarea").fill("a lemon")

    await page.keyboard.press("Control+k")

    await expect(page.locator("#palette-query")).to_be_focused()


async def test_a_letter_in_a_field_is_a_letter(page: Page):
    await open_desk(page, "/p/S01-P0001")
    await page.keyboard.press("p")
    await expect(page.locator("#palette-query")).to_be_focused()
    await page.keyboard.type("vgwe")

    await expect(page.locator("#palette-query")).to_have_value("vgwe")
    await expect(page).to_have_url("/p/S01-P0001")
