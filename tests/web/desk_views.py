"""A journey that was made before a test begins, and the views that a reader of it can open."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from playwright.async_api import Page, expect
from tests.web.browser import open_desk

from qdpi.client import Client

WORDS: Final = "What does the lamp know of the sea?"
LABEL: Final = "The lamp, again"
MOVE: Final = """(path) => {
  history.pushState(null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
}"""


@dataclass(frozen=True)
class Journey:
    """A session with pages: `written` was asked for in `WORDS` and has a sibling; it is saved as `LABEL`."""

    url: str
    session_id: str
    pages: tuple[str, ...]

    @property
    def written(self) -> str:
        """Return the page that tests open."""
        return self.pages[0]

    def device(self, **settings: Any) -> dict[str, Any]:
        """Return the options of a context in which this journey and these settings were kept before."""
        kept = {"qdpi.session": self.session_id} | ({"qdpi.settings": json.dumps(settings)} if settings else {})
        storage = [{"name": name, "value": value} for name, value in kept.items()]
        return {"storage_state": {"cookies": [], "origins": [{"origin": self.url, "localStorage": storage}]}}


async def journey_at(
    url: str, *, locus: str = "S01-P0001", words: str = WORDS, label: str = LABEL, notes: str = "Read it at night."
) -> Journey:
    """Make a journey on a server: two alternatives at a page of the book, a page on, and one in the vault."""
    async with Client(url) as client:
        session = (await client.session()).session_id
        first = await client.run(0x1F, session_id=session, page_id=locus, user_intent=words)
        second = await client.run(0x1F, session_id=session, page_id=locus, user_intent=words)
        third = await client.run(0x20, session_id=session, page_id=first.page_id)
        await client.save(session, first.page_id, label=label, notes=notes)
        return Journey(url, session, tuple(each.page_id for each in (first, second, third)))


Opens = Callable[[Page, Journey], Awaitable[None]]


def _page_of_the_book(path: str) -> Opens:
    async def opens(page: Page, journey: Journey) -> None:
        await go(page, path)

    return opens


async def _written(page: Page, journey: Journey) -> None:
    await go(page, f"/p/{journey.written}")
    await expect(page.locator(f'#page[data-page-id="{journey.written}"]')).to_be_visible()


def _pane(key: str, title: str, *, written: bool = False) -> Opens:
    async def opens(page: Page, journey: Journey) -> None:
        await (_written(page, journey) if written else go(page, "/p/S01-P0001"))
        await page.keyboard.press(key)
        await expect(page.get_by_role("complementary", name=title)).to_be_visible()

    return opens


async def _why(page: Page, journey: Journey) -> None:
    await _pane("w", "Why this page", written=True)(page, journey)
    await expect(page.locator(".why")).to_be_visible()


async def _found(page: Page, journey: Journey) -> None:
    await go(page, "/find")
    await page.get_by_role("searchbox").fill("lamp")
    await expect(page.locator(".hits li").first).to_be_visible()


async def _ring(page: Page, journey: Journey) -> None:
    await go(page, "/ring")
    await expect(page.locator("main:not([aria-busy=true]) h1")).to_be_visible()


async def _past(page: Page, journey: Journey) -> None:
    await go(page, "/at/1")
    await expect(page.locator('[data-proof="proven"]')).to_be_visible()


async def _no_page(page: Page, journey: Journey) -> None:
    await go(page, "/p/b2a7d4c6-3a5a-5d3c-9c1e-0e4b8a1f2d37")
    await expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


async def _typed(page: Page, journey: Journey) -> None:
    await go(page, "/p/S01-P0001")
    await page.keyboard.type("s1f")
    await expect(page.locator(".typed")).to_contain_text("Enter")


async def go(page: Page, path: str) -> None:
    """Go to an address of the page without a new document, once the page is there."""
    if page.url == "about:blank":
        await open_desk(page, path)
        return
    await page.keyboard.press("Escape")
    await page.evaluate(
        "(path) => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }", path
    )


VIEWS: Final[Mapping[str, Opens]] = {
    "book": _page_of_the_book("/p/S02-P0004"),
    "written": _written,
    "press": _pane(".", "Press"),
    "why": _why,
    "settings": _pane(",", "Text and settings"),
    "help": _pane("?", "Keys and help"),
    "export": _pane("e", "Take it with you"),
    "palette": _pane("p", "Go to"),
    "typed": _typed,
    "vault": _page_of_the_book("/vault"),
    "find": _found,
    "ring": _ring,
    "past": _past,
    "no-page": _no_page,
}
"""Each view of the desk by its name: opens it in a page that may show another one."""
