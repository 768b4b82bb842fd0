"""A hostile book, model and reader: what they write stays text, in its place and in its own direction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from tests.support.model_server import serving
from tests.web.browser import PROBES, Faults, without_script
from tests.web.conftest import OpenContext, own_server
from tests.web.desk_views import VIEWS, Journey, journey_at
from tests.web.hostile import MARKUP, OVERRIDE, HostileModel, hostile_book, words
from tests.web.reader import cell, press, sit_down, writing

pytestmark = [pytest.mark.web, pytest.mark.xdist_group("web with a model")]

WIDTHS: Final = (390, 1280)
ABSENT: Final = "404 .*b2a7d4c6-3a5a"
SERVED: Final = ["/p/S01-P0001", "/p/S01-P0003", "/s/2", "/ring", "/find?q=lamp"]
MISPLACED: Final = (PROBES / "misplaced.js").read_text(encoding="utf-8")
CONTRASTS: Final = (PROBES / "contrasts.js").read_text(encoding="utf-8")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def model(browser: Browser) -> AsyncIterator[HostileModel]:
    """A hostile model."""
    async with serving(HostileModel()) as serves:
        yield serves


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hostile(model: HostileModel, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Journey]:
    """A journey of a hostile reader through a hostile book that a hostile model goes on with."""
    folder = tmp_path_factory.mktemp("hostile")
    async with AsyncExitStack() as stack:
        environment = {
            "QDPI_BOOK": str(hostile_book(folder / "book")),
            "QDPI_MODEL": "openai/hostile",
            "OPENAI_BASE_URL": f"{model.url}/v1",
            "OPENAI_API_KEY": "none",
        }
        own = await own_server(folder / "data", environment, stack)
        yield await journey_at(own.url, words=words(4000), label=words(200), notes=words(4000))


async def test_what_strangers_write_is_text_in_its_place_in_every_view(
    open_context: OpenContext, hostile: Journey, faults: Faults
):
    """No markup is more than text, nothing is wider than the window, and no direction leaks into our own words."""
    faults.expect(ABSENT)
    page = await (await open_context(base_url=hostile.url, **hostile.device())).new_page()
    found = list[str]()
    for name, opens in VIEWS.items():
        await opens(page, hostile)
        if name == "ring":
            await page.locator(".ring-map").focus()
            await page.keyboard.press("ArrowRight")
            await expect(page.locator(".ring-card p[dir=auto]")).to_be_visible()
        found += await faults_of(page, name)
    assert not found, "\n".join(found)


async def test_what_a_hostile_model_says_is_text_in_its_place_while_it_says_it(
    open_context: OpenContext, hostile: Journey, model: HostileModel
):
    """In the page that is being written, in the list of what is being written, and in its refusal."""
    page = await (await open_context(base_url=hostile.url, reduced_motion="reduce")).new_page()
    model.mode = "slow"
    model.release.clear()
    await sit_down(page)
    await page.keyboard.press(".")
    await cell(page, 0x0F).click()
    await page.get_by_label("In your words").fill(words(4000))
    await page.get_by_role("button", name="Press 0F").click()
    await expect(writing(page)).to_contain_text("7*7")
    found = [*await faults_of(page, "writing"), *await page.evaluate(CONTRASTS)]
    await page.get_by_role("button", name="Back to the page").click()
    await expect(page.get_by_role("region", name="Being written")).to_contain_text("boom()")
    found += await faults_of(page, "under way")
    model.release.set()
    await expect(page.locator(".branches .card").first).to_be_visible()

    model.refusals = [(401, {}, {"error": {"message": words(2000)}})] * 9
    await press(page, "20")
    await expect(page.get_by_role("group", name="No page was written")).to_be_visible()
    found += await faults_of(page, "refused")
    model.refusals.clear()
    await page.set_viewport_size({"width": 320, "height": 256})
    await page.get_by_role("button", name="Dismiss: No page was written").click()
    await expect(page.get_by_role("group", name="No page was written")).to_be_hidden()
    assert not found, "\n".join(found)


async def test_what_strangers_write_is_text_in_its_place_without_a_script(open_context: OpenContext, hostile: Journey):
    """And on paper, which is as narrow as a phone."""
    page = await (await open_context(base_url=hostile.url)).new_page()
    await without_script(page)
    found = list[str]()
    for path in SERVED:
        await page.goto(path)
        found += await faults_of(page, path)
    await page.goto("/p/S01-P0001")
    await expect(page.locator("h1")).to_have_text(MARKUP)
    await page.emulate_media(media="print")
    found += await faults_of(page, "on paper")
    assert not found, "\n".join(found)


async def test_every_voice_can_be_read_on_all_it_stands_on(open_context: OpenContext, hostile: Journey):
    """White, black, yellow or none: in both themes, as the browser computes it, in the past and under the pointer."""
    page = await (await open_context(base_url=hostile.url, **hostile.device())).new_page()
    found = list[str]()
    for name in ("written", "press", "find", "past", "ring"):
        await VIEWS[name](page, hostile)
        if name == "ring":
            await page.locator(".ring-row", has_text="Phillip Bafflemint").hover()
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme=theme)
            found += [f"{name}, {theme}: {sentence}" for sentence in await page.evaluate(CONTRASTS)]
        await page.evaluate("() => void (document.documentElement.dataset.theme = 'light')")  # on a dark device
        found += [f"{name}, light by choice: {sentence}" for sentence in await page.evaluate(CONTRASTS)]
        await page.evaluate("() => void (document.documentElement.dataset.theme = 'auto')")
    assert not found, "\n".join(found)


async def faults_of(page: Page, view: str) -> list[str]:
    """Return what is wrong in a view, in a wide window and in one of a phone's width."""
    found = list[str]()
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        found += [f"{view}, {width}: {sentence}" for sentence in await page.evaluate(MISPLACED, OVERRIDE)]
    return found
