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
