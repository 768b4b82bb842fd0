"""The keys of the page, in and out of its fields."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from tests.web.browser import open_desk
from tests.web.reader import bound, sit_down

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


async def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on an element."""
    for _ in range(60):
        if await page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


async def test_a_reader_without_a_mouse_does_all_of_it(still: Page):
    """Press, write again, switch, save, look up why, the vault, the ring, a search, settings, and back.

    The focus is somewhere that is seen after each step. The past by keys: test_time.py.
    """
    page, keys = still, still.keyboard
    await sit_down(page)

    async def has_focus(within: str) -> None:
        await expect(page.locator(f":is({within}):focus, :is({within}) :focus").first).to_be_visible()

    await keys.press(".")
    await has_focus("aside")
    await tab_to(page, ".cell")
    for arrow in ("ArrowDown", "ArrowRight", "ArrowRight"):
        await keys.press(arrow)
    await has_focus('[data-code="18"]')
    await expect(page.locator(".outlook strong").first).to_contain_text("12")
    await keys.press("Enter")
    await expect(bound(page)).to_be_visible()
    await has_focus("main")

    await keys.press("b")
    await expect(page.get_by_role("button", name="Saved in the vault")).to_be_visible()
    await keys.press("Control+Enter")
    counter = page.get_by_role("group", name="Alternatives")
    await expect(counter).to_contain_text("2/2")
    await keys.press("Alt+ArrowUp")
    await expect(counter).to_contain_text("1/2")
    await has_focus("main")
    await keys.press("w")
    await has_focus("aside")
    await keys.press("Escape")
    await expect(page.locator("aside")).to_have_count(0)
    await has_focus("main")

    await keys.press("v")
    await expect(page.locator(".saved-page")).to_have_count(1)
    await has_focus("main")
    await keys.press("g")
    await has_focus("main")
    await tab_to(page, "[role=treeitem]")
    await keys.press("End")
    await has_focus("[role=tree]")
    await keys.press("/")
    await has_focus("input")
    await keys.type("lamp")
    await expect(page.locator(".hits li").first).to_be_visible()
    await tab_to(page, ".hit-title")
    await keys.press("Enter")
    await expect(page.locator("article.page[data-page-id]")).to_be_visible()
    await has_focus("main")

    await keys.press(",")
    await has_focus("aside")
    await keys.press("Escape")
    await keys.press("h")
    await expect(page).to_have_url("/p/S01-P0001")
    await has_focus("main")
