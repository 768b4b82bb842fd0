"""The page as readers have set their browsers: larger letters, wider spaces, forced colours, no motion."""

from __future__ import annotations

from typing import Any, Final

import pytest
from playwright.async_api import CDPSession, Page, expect
from tests.web.browser import PROBES, Faults
from tests.web.conftest import OpenContext
from tests.web.desk_views import VIEWS, Journey
from tests.web.hostile import OVERRIDE
from tests.web.reader import cell

pytestmark = pytest.mark.web

ABSENT: Final = "404 .*b2a7d4c6-3a5a"
MISPLACED: Final = (PROBES / "misplaced.js").read_text(encoding="utf-8")
OBSCURED: Final = (PROBES / "obscured.js").read_text(encoding="utf-8")
CLIPPED: Final = (PROBES / "clipped.js").read_text(encoding="utf-8")
WIDTHS: Final = (390, 1280)
USUAL, DOUBLE = 16, 32
"""The size of letters that a browser begins with, in pixels: a reader's setting."""
SPACING: Final = """(isWide) => {
  window.spacing ??= new CSSStyleSheet();
  window.spacing.replaceSync(isWide ? `* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
    word-spacing: 0.16em !important } p { margin-block-end: 2em !important }` : "");
  document.adoptedStyleSheets = [window.spacing];
}"""
"""A reader's own style: the spaces of WCAG 1.4.12."""
DISTINCT: Final[dict[str, list[tuple[str, str]]]] = {
    "press": [("[aria-selected=true] > .cell", "[aria-selected=false] > .cell")],
    "palette": [("[role=option][aria-selected=true]", "[role=option][aria-selected=false]")],
    "ring": [
        (".ring-shows [aria-pressed=true]", ".ring-shows [aria-pressed=false]"),
        ("[data-here=true]", "[data-here=false]"),
        ("[data-read=true] .shape", "[data-read=false][data-owed=false] .shape"),
        (".masthead-places [aria-current]", ".masthead-places a:not([aria-current])"),
    ],
    "why": [(".tool[aria-pressed=true]", ".tool:not([aria-pressed])")],
}
"""What is so and what is not so: by a view, selectors of both."""
LOOK: Final = """(each) => {
  const style = getComputedStyle(each);
  const behind = style.backgroundColor.match(/[0-9]+/g).slice(0, 3).join(); // what is transparent shows the same paper
  const seen = ["borderTopColor", "outlineStyle", "textDecorationLine", "fontWeight"];
  return [behind, ...seen.map((name) => style[name])];
}"""
MOVING: Final = """() => document.getAnimations().filter((each) => each.effect.getTiming().duration > 1)
  .map((each) => `it moves: ${each.effect.target.outerHTML.slice(0, 100)}`)"""


async def test_letters_of_twice_the_size_and_wider_spaces_fit_every_view(
    open_context: OpenContext, journey: Journey, faults: Faults
):
    """On a phone and in a wide window: nothing beside the window, nothing wider than it, nothing cut off."""
    faults.expect(ABSENT)
    context = await open_context(**journey.device())
    page = await context.new_page()
    browser = await context.new_cdp_session(page)
    found = list[str]()
    for name, opens in VIEWS.items():
        await opens(page, journey)
        await page.evaluate(SPACING, True)
        found += [f"{name}, spaced, {sentence}" for sentence in await misplaced(page)]
        await page.evaluate(SPACING, False)
        await set_letters(browser, DOUBLE)
        found += [f"{name}, large, {sentence}" for sentence in await misplaced(page)]
        await set_letters(browser, USUAL)
    assert not found, "\n".join(found)


async def set_letters(browser: CDPSession, size: int) -> None:
    """Set the size of letters that the browser begins with, as its settings do."""
    sizes: Any = {"standard": size, "fixed": size}
    await browser.send("Page.setFontSizes", {"fontSizes": sizes})


async def misplaced(page: Page) -> list[str]:
    """Return what is misplaced or cut off at each width."""
    found = list[str]()
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        sentences = [*await page.evaluate(MISPLACED, OVERRIDE), *await page.evaluate(CLIPPED)]
        found += [f"{width}: {sentence}" for sentence in sentences]
    return found


async def test_without_colours_of_ours_and_without_motion_all_can_be_told_apart(
    open_context: OpenContext, journey: Journey
):
    """What is selected, open, read or here looks different from what is not, the focus is seen, and nothing moves."""
    wishes = {"forced_colors": "active", "reduced_motion": "reduce"}
    page = await (await open_context(**wishes, **journey.device())).new_page()
    found = list[str]()
    for name, pairs in DISTINCT.items():
        await VIEWS[name](page, journey)
        found += await page.evaluate(MOVING)
        if name == "press":
            await cell(page, 0x1F).click()  # nothing is chosen before
        if name == "ring":  # a page counts as read after a while; here only its look is asked for
            await page.locator(".ring-row[data-kind=page]").first.evaluate("(row) => void (row.dataset.read = true)")
        for so, not_so in pairs:
            await expect(page.locator(so).first).to_be_visible()
            if await page.locator(so).first.evaluate(LOOK) == await page.locator(not_so).first.evaluate(LOOK):
                found.append(f"{name}: {so} looks like {not_so}")
        await page.keyboard.press("Tab")
        outline = await page.locator(":focus").evaluate("(each) => getComputedStyle(each).outlineStyle")
        if outline == "none":
            found.append(f"{name}: the focus is not seen")
    assert not found, "\n".join(found)


async def test_what_is_focused_is_not_behind_something(open_context: OpenContext, journey: Journey):
    """Not behind the bar at the bottom, nor behind a pane, a sheet over a phone's page (WCAG 2.4.11)."""
    page = await (await open_context(**journey.device())).new_page()
    found = list[str]()
    for name in ("written", "press", "why", "settings", "find", "vault", "past"):
        await VIEWS[name](page, journey)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            found += [f"{name}, {width}: {sentence}" for sentence in await page.evaluate(OBSCURED)]
    assert not found, "\n".join(found)
