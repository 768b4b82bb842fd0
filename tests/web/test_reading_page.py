"""Reading the book in a browser: without a script and with it, on every width, in both themes, on paper."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

import pytest
from playwright.async_api import Page, expect
from tests.web.browser import PATIENCE, Axe, Faults, shot, without_script
from tests.web.conftest import OpenContext

pytestmark = pytest.mark.web

FIRST: Final = "/p/S01-P0001"
VIEWS: Final = ["/", "/p/S02-P0005", "/s/2", "/ring", "/vault", "/find?q=lemon", "/about", "/at/0"]
WIDTHS: Final = {"phone": 390, "tablet": 820, "desktop": 1280, "wide": 1920}
THEMES: Final = ["light", "dark"]
SCRIPTLESS: Final[dict[str, Any]] = {"java_script_enabled": False}
PARTS: Final = (".masthead-book", ".where", "h1", ".byline", ".text")
SHIFTS: Final = """() => new Promise((resolve) => {
  let sum = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => (sum += entry.value)))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(sum), 200);
})"""


async def sideways(page: Page) -> int:
    """Return by how many pixels the document is wider than the window."""
    width: int = await page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


async def places(page: Page) -> dict[str, tuple[int, int]]:
    """Return where the parts of a page are, in whole pixels."""
    found = {part: await page.locator(part).bounding_box() for part in PARTS}
    return {part: (round(box["x"]), round(box["y"])) for part, box in found.items() if box}


async def taken_over(page: Page) -> None:
    """Wait until the script has the desk."""
    await expect(page.get_by_role("button", name="Press", exact=True)).to_be_visible()


async def test_the_book_is_read_without_a_script(open_context: OpenContext):
    """From the first page on, back again, to a section, and to a page by its words."""
    page = await (await open_context(**SCRIPTLESS)).new_page()
    await page.goto("/")
    await expect(page.locator("h1")).to_have_text("A Pamphlet on the Patience")
    assert len(await page.locator(".text > p").all()) == 3
    await page.get_by_role("link", name="Next page").click()
    await expect(page).to_have_url(re.compile("/p/S01-P0002$"))
    await page.get_by_role("link", name="Previous page").click()
    await expect(page).to_have_url(re.compile(f"{FIRST}$"))
    await page.get_by_role("link", name="Section 1", exact=True).click()
    await expect(page.get_by_role("listitem").filter(has_text="A Pamphlet on the Patience")).to_have_count(3)
    await page.get_by_role("link", name="Find", exact=True).click()
    await page.get_by_label("Words").fill("lemon")
    await page.get_by_role("button", name="Find").click()
    await page.locator(".hits a").first.click()
    await expect(page.locator(".text")).to_contain_text("lemon")


async def test_the_ring_is_read_without_a_script(open_context: OpenContext):
    page = await (await open_context(**SCRIPTLESS)).new_page()
    await page.goto("/ring")
    await expect(page.locator(".section")).to_have_count(16)
    await page.locator("summary").nth(1).click()
    await page.locator(".section[open] a").first.click()
    await expect(page.locator(".voice-name").first).to_have_text("London Fox")


@pytest.mark.parametrize("path", ["/vault", "/at/3", "/p/b2a7d4c6-3a5a-5d3c-9c1e-0e4b8a1f2d37"])
async def test_what_needs_a_script_says_so(open_context: OpenContext, path: str):
    page = await (await open_context(**SCRIPTLESS)).new_page()
    await page.goto(path)
    await expect(page.get_by_text("this page needs its script")).to_be_visible()


async def test_a_deep_link_opens_its_page_and_the_browser_goes_back(page: Page):
    await page.goto("/p/S02-P0005")
    await taken_over(page)
    await expect(page.locator("h1")).to_have_text("What the Nose Says")
    await page.get_by_role("link", name="Next page").click()
    await expect(page).to_have_url(re.compile("/p/S02-P0006$"))
    await page.go_back()
    await expect(page).to_have_url(re.compile("/p/S02-P0005$"))
    await expect(page.locator("#page")).to_have_attribute("data-page-id", "S02-P0005")


async def test_the_script_takes_the_page_over_without_moving_it(page: Page):
    """Layout shift stays under 0.01: head, text and place are the server's."""
    await without_script(page)
    await page.goto("/p/S02-P0005")
    served = await places(page)
    await page.unroute_all()
    await page.reload()
    await taken_over(page)
    assert await places(page) == served
    assert await page.evaluate(SHIFTS) < 0.01


async def test_the_policy_admits_the_server_s_own_websocket(page: Page, faults: Faults):
    heard = asyncio.Event()
    page.on("websocket", lambda socket: socket.on("framereceived", lambda _: heard.set()))

    await page.goto("/")

    await asyncio.wait_for(heard.wait(), PATIENCE / 1000)
    assert faults.found == []


@pytest.mark.parametrize("path", ["/about", "/s/2"])
async def test_what_the_server_alone_shows_stays_under_the_script(page: Page, path: str):
    await page.goto(path)
    title = await page.locator("h1").inner_text()
    await taken_over(page)
    await expect(page.locator("h1")).to_have_text(title)
    await page.get_by_role("link", name="Find", exact=True).click()
    await expect(page.get_by_role("search")).to_be_visible()
    await page.go_back()
    await expect(page.locator("h1")).to_have_text(title)


async def test_axe_finds_nothing_in_what_the_server_alone_shows(page: Page, axe: Axe):
    """In the dark, where only colours differ, by the rules with colours. With the script: test_access.py."""
    await without_script(page)
    found = list[str]()
    for path in VIEWS:
        await page.emulate_media(color_scheme="light")
        await page.goto(path)
        await page.evaluate("() => document.getAnimations().forEach((each) => each.finish())")  # what appears is there
        found += [f"{path}: {sentence}" for sentence in await axe(page)]
        await page.emulate_media(color_scheme="dark")
        found += [f"{path}, dark: {sentence}" for sentence in await axe(page, "wcag2aa")]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page_id", ["S01-P0001", "S01-P0003", "S16-P0053"])
async def test_the_ways_on_are_those_that_the_server_shows(page: Page, open_context: OpenContext, page_id: str):
    """At the first page of the book, at a section's end, and at the last page, from which the ring goes on."""
    scriptless = await (await open_context(**SCRIPTLESS)).new_page()
    told = []
    for reader in (scriptless, page):
        await reader.goto(f"/p/{page_id}")
        if reader is page:
            await taken_over(page)
        ways = await reader.locator("nav.turn li").all_inner_texts()
        told.append((ways, [await link.get_attribute("href") for link in await reader.locator("nav.turn a").all()]))

    assert len(told[0][0]) == 2
    assert told[0] == told[1]


@pytest.mark.parametrize("script", [False, True], ids=["no script", "script"])
async def test_nothing_scrolls_sideways(page: Page, script: bool):
    """At any width; 320 pixels are a window of 1280 at 400 %."""
    if not script:
        await without_script(page)
    for path in VIEWS:
        await page.goto(path)
        if script:
            await taken_over(page)
        for width in (320, *WIDTHS.values()):
            await page.set_viewport_size({"width": width, "height": 700})
            assert await sideways(page) == 0, (path, width)


async def test_a_page_of_usual_length_is_seen_whole(page: Page):
    """No page of the book needs scrolling in a window of 900 pixels, down to the last line."""
    for path in (FIRST, "/p/S02-P0005", "/p/S16-P0053"):
        await page.goto(path)
        await taken_over(page)
        await page.evaluate("() => document.fonts.ready")
        box = await page.locator(".text").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 850, path


async def test_the_type_is_that_of_a_book(page: Page):
    await page.goto("/p/S02-P0005")
    await taken_over(page)
    await page.evaluate("() => document.fonts.ready")
    style = (
        await page.locator(".text > p")
        .nth(1)
        .evaluate(
            """(p) => { const s = getComputedStyle(p); return {
          family: s.fontFamily.split(",")[0], indent: parseFloat(s.textIndent) / parseFloat(s.fontSize),
          leading: parseFloat(s.lineHeight) / parseFloat(s.fontSize), align: s.textAlign, wrap: s.textWrapStyle,
          figures: s.fontVariantNumeric, width: p.clientWidth } }"""
        )
    )
    assert style["family"].strip('"') == "Literata"
    assert style["indent"] == pytest.approx(1.4, abs=0.01)
    assert style["leading"] == pytest.approx(1.55, abs=0.01)
    assert (style["align"], style["wrap"]) == ("start", "pretty")
    assert "oldstyle-nums" in style["figures"]
    assert style["width"] == 33 * 16
    first = page.locator(".text > p").first
    assert await first.evaluate("(p) => getComputedStyle(p).textIndent") == "0px"
    assert await first.evaluate("(p) => getComputedStyle(p, '::first-line').fontVariantCaps") == "small-caps"
    assert await page.evaluate("() => document.fonts.check('16px Literata')")


@pytest.mark.parametrize("theme", THEMES)
async def test_a_chosen_theme_is_there_at_the_first_paint(open_context: OpenContext, theme: str):
    """And the size of the text: before any module runs."""
    other = "dark" if theme == "light" else "light"
    page = await (await open_context(color_scheme=other)).new_page()
    await page.goto("/")
    await page.evaluate(f"() => localStorage.setItem('qdpi.settings', JSON.stringify({{theme: '{theme}', size: 4}}))")
    await without_script(page)
    await page.reload()
    paper = await page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    assert paper == {"light": "rgb(251, 248, 241)", "dark": "rgb(23, 22, 26)"}[theme]
    assert await page.locator(".text").evaluate("(text) => parseFloat(getComputedStyle(text).fontSize)") > 23


async def test_voices_have_their_colours_in_both_themes(open_context: OpenContext):
    """A script is told the colour of the theme of now, so that it can draw with it."""
    told = "() => getComputedStyle(document.documentElement).getPropertyValue('--voice-1')"
    seen = list[str]()
    for theme in THEMES:
        page = await (await open_context(color_scheme=theme)).new_page()
        await page.goto("/p/S02-P0005")
        await taken_over(page)
        seen.append(await page.evaluate(told))
        name = page.locator(".page-head .voice-name")
        assert await name.evaluate("(name) => getComputedStyle(name).color") == seen[-1]
    assert all(color.startswith("rgb(") for color in seen)
    assert seen[0] != seen[1]


async def test_on_paper_there_is_the_page_alone(page: Page):
    await page.goto("/p/S02-P0005")
    await taken_over(page)
    await page.emulate_media(media="print")
    for gone in (".masthead", ".turn", ".bar", ".colophon", ".tools"):
        assert not [each for each in await page.locator(gone).all() if await each.is_visible()], gone
    for there in ("h1", ".text", ".folio"):
        await expect(page.locator(there).first).to_be_visible()
    ink = await page.locator(".text").evaluate("(text) => getComputedStyle(text).color")
    assert ink == "rgb(0, 0, 0)"


async def test_forced_colours_leave_everything_to_be_seen(open_context: OpenContext):
    page = await (await open_context(forced_colors="active", color_scheme="dark")).new_page()
    await without_script(page)
    await page.goto("/ring")
    glyph = page.locator(".glyph").first
    await expect(glyph).to_be_visible()
    assert await glyph.evaluate("(svg) => getComputedStyle(svg).color") == await page.locator("main").evaluate(
        "(main) => getComputedStyle(main).color"
    )


@pytest.mark.long
@pytest.mark.parametrize("theme", THEMES)
async def test_pictures_of_every_width(open_context: OpenContext, theme: str):
    """To be looked at by people."""
    page = await (await open_context(color_scheme=theme)).new_page()
    for path, view in (("/p/S02-P0005", "page"), ("/find?q=lemon", "find"), ("/about", "about")):
        await page.goto(path)
        await taken_over(page)
        for name, width in WIDTHS.items():
            await page.set_viewport_size({"width": width, "height": 900})
            taken = await shot(page, f"reading-{view}-{name}-{theme}")
            assert taken.stat().st_size > 10_000
