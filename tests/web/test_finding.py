"""Finding: the palette, the search, and what a reader sets up and takes along."""

from __future__ import annotations

import asyncio
import re
import zipfile
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Page, Route, expect
from tests.web.browser import Faults, open_desk
from tests.web.conftest import OpenContext
from tests.web.desk_views import LABEL, Journey

from qdpi.client import Client

pytestmark = pytest.mark.web


async def test_the_palette_finds_pages_and_commands_however_they_are_spelled(
    open_context: OpenContext, journey: Journey
):
    """By a part of a title, with a slip of the hand, by an id, and a command by its name."""
    page = await (await open_context(**journey.device())).new_page()
    await open_desk(page, "/p/S01-P0001")
    for typed, leads_to in (
        ("tuner pocket", "/p/S05-P0014"),
        ("toll recrd", "/p/S09-P0027"),
        ("s12-p0039", "/p/S12-P0039"),
        ("the vault", "/vault"),
    ):
        await page.keyboard.press("Control+k")
        await page.get_by_role("combobox").fill(typed)
        await expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile(f"{leads_to}$"))
        await expect(page.get_by_role("combobox")).to_have_count(0)


async def test_a_page_that_comes_late_leaves_the_field_that_is_written_in(page: Page):
    """Its heading would take the focus, and the keys go elsewhere."""
    await open_desk(page, "/p/S01-P0001")
    slow = asyncio.Event()

    async def hold(route: Route) -> None:
        await slow.wait()
        await route.continue_()

    await page.route("**/page/S07-P0021**", hold)
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox").fill("s07-p0021")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox")).to_be_focused()
    slow.set()
    await expect(page.locator('#page[data-page-id="S07-P0021"]')).to_be_visible()

    await expect(page.get_by_role("combobox")).to_be_focused()


async def test_the_palette_is_walked_by_arrows_and_left_by_escape(page: Page):
    """Its keys are written as they stand on keyboards; the focus goes back to where it was."""
    await open_desk(page, "/p/S01-P0001")
    opener = page.get_by_role("button", name="Text and settings")
    await opener.focus()
    await page.keyboard.press("Control+k")
    first, second = page.get_by_role("option").nth(0), page.get_by_role("option").nth(1)
    await expect(first).to_contain_text("→")
    await page.keyboard.press("ArrowDown")
    await expect(second).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("option").last).to_have_attribute("aria-selected", "true")
    await page.get_by_role("combobox").fill("zzzz qqqq")
    await expect(page.get_by_text("Nothing is called that.")).to_be_visible()

    await page.keyboard.press("Escape")

    await expect(opener).to_be_focused()


async def test_a_search_marks_its_words_and_comes_back_with_its_results(open_context: OpenContext, journey: Journey):
    """A word, a phrase, a voice; a hit leads to its page, and back leads to the same results."""
    page = await (await open_context(**journey.device())).new_page()
    await open_desk(page, "/find")
    field = page.get_by_role("searchbox")
    await field.fill("lemon")
    await expect(page.locator(".hits mark").first).to_have_text(re.compile("lemon", re.IGNORECASE))
    await field.fill('"the second one o\'clock"')
    await expect(page.locator(".hits mark").first).to_have_text(re.compile("second|clock", re.IGNORECASE))
    await field.fill("lamp")
    await expect(page.locator(".hits mark").first).to_have_text(re.compile("lamp", re.IGNORECASE))
    await page.get_by_text("Filters", exact=True).click()
    await page.get_by_role("combobox", name="Voice").select_option(label="Jacklyn Variance")
    voices = page.locator(".hits .voice-name")
    await expect(voices.filter(has_not_text="Jacklyn Variance")).to_have_count(0)
    await expect(voices).not_to_have_count(0)
    found = await page.locator(".hits .hit-title").all_inner_texts()

    await page.locator(".hits .hit-title").first.click()
    await expect(page.locator("article.page[data-page-id]")).to_be_visible()
    await page.go_back()

    await expect(page.get_by_role("searchbox")).to_have_value("lamp")
    await expect(page.locator(".hits .hit-title")).to_have_text(found)


async def test_a_search_of_one_s_own_pages_and_of_the_vault(open_context: OpenContext, journey: Journey):
    page = await (await open_context(**journey.device())).new_page()
    await open_desk(page, "/find")
    await page.get_by_role("searchbox").fill("*")
    for where, says, pages in (("Your pages", "in your journey", 3), ("Your vault", "in your vault", 1)):
        await page.get_by_role("combobox", name="Where").select_option(label=where)
        await expect(page.locator(".hits li")).to_have_count(pages)
        await expect(page.locator(".hits li").filter(has_text=says)).not_to_have_count(0)


async def test_settings_are_there_before_the_first_paint_after_a_reload(page: Page, faults: Faults):
    """Size, width, leading, typeface and theme; and all is as it was at first by one button."""
    await open_desk(page, "/p/S01-P0001")
    await page.keyboard.press(",")
    await page.get_by_label("Dark", exact=True).check()
    await page.get_by_label("Atkinson Hyperlegible").check()
    for name, steps in (("Text size", 2), ("Width of the column", 3), ("Space between lines", 1)):
        await page.get_by_role("slider", name=name).focus()
        for _ in range(steps):
            await page.keyboard.press("ArrowRight")
    faults.expect("ERR_FAILED")
    style = """() => {
      const { dataset, style } = document.documentElement;
      return [dataset.theme, dataset.font, style.cssText];
    }"""
    chosen = await page.evaluate(style)
    assert chosen[:2] == ["dark", "legible"]
    assert "--measure: 36rem" in chosen[2]

    await page.route(re.compile(r"/app\.js$"), lambda route: route.abort())
    await page.reload()
    assert await page.evaluate(style) == chosen, "before the page's own script runs"
    await page.unroute_all()

    await open_desk(page, "/p/S01-P0001")
    await page.keyboard.press(",")
    await page.get_by_role("button", name="Everything as it was at first").click()
    assert (await page.evaluate(style))[:2] == ["auto", "literata"]


async def test_the_help_lists_each_key_that_is_bound_and_no_other(page: Page):
    await open_desk(page, "/p/S01-P0001")
    await page.keyboard.press("?")
    await expect(page.locator(".help dl.keys kbd").first).to_be_visible()
    listed = await page.locator(".help dl.keys kbd").all_inner_texts()
    assert {"→", "←", "Ctrl + k", "s", "Esc", "Ctrl + Enter", "Alt + ↓"} <= set(listed)
    await page.keyboard.press(",")
    await page.get_by_label("are commands").uncheck()

    await page.get_by_role("button", name="Keys and help").click()

    left = await page.locator(".help dl.keys kbd").all_inner_texts()
    assert left == [key for key in listed if key in {"→", "←"} or (len(key) > 1 and key != "Shift + ?")], (
        "characters are no keys now"
    )


EXPORTS: Final = {
    "Everything, to go on from": (".zip", b"PK"),
    "A book": (".epub", b"PK"),
    "Text": (".zip", b"PK"),
    "A story for Twine": (".twee", b":: StoryTitle"),
}
"""How the name and the bytes of each file end and begin, by the words of its link."""


async def test_each_export_is_a_file_with_the_reader_s_pages(
    open_context: OpenContext, journey: Journey, client: Client, tmp_path: Path
):
    written = (await client.page(journey.written, session_id=journey.session_id)).text
    page = await (await open_context(**journey.device())).new_page()
    await open_desk(page, "/p/S01-P0001")
    await page.keyboard.press("e")
    for link, (ends_with, begins) in EXPORTS.items():
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name=link, exact=True).click()
        download = await downloading.value
        path = tmp_path / download.suggested_filename
        await download.save_as(path)

        assert path.name.endswith(ends_with), link
        assert path.read_bytes().startswith(begins), link
        texts = path.read_text() if begins != b"PK" else unpacked(path)
        assert " ".join(written.split()[:5]) in " ".join(texts.split()), link


def unpacked(path: Path) -> str:
    """Return the texts of the files in a zip file."""
    with zipfile.ZipFile(path) as archive:
        return "".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())


async def test_the_journey_goes_on_on_another_device_by_its_link(open_context: OpenContext, journey: Journey):
    """There the id is taken out of the address, and the journey is the same."""
    page = await (await open_context(**journey.device())).new_page()
    await open_desk(page, "/p/S01-P0001")
    await page.keyboard.press(",")
    link = await page.get_by_label("Link to your journey").input_value()

    other = await (await open_context()).new_page()
    await other.goto(link)
    await expect(other.locator("#desk > .desk[data-view]")).to_be_visible()

    assert "session" not in other.url
    assert await other.evaluate("() => localStorage.getItem('qdpi.session')") == journey.session_id
    await other.keyboard.press("v")
    await expect(other.get_by_text(LABEL)).to_be_visible()
