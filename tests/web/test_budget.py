"""The numbers of the reader's page that do not depend on the machine: bytes, requests, shifts, what stays behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, ViewportSize, expect
from tests.web.browser import held_by, open_desk

from qdpi.gateway.web_files import shipped_files
from qdpi.gateway.web_modules import first_load

pytestmark = pytest.mark.web

MOST_BYTES: Final = {
    "shell": 4_000, "styles": 14_000, "vendor": 10_000, "own": 32_000, "fonts": 70_000, "data": 15_000,
    "pictures": 2_000,
}  # fmt: skip
"""What a first load may transfer by kind, compressed."""
MOST_IN_ALL: Final = 150_000
"""What it may transfer in all, the headers of every answer with it."""
MOST_AT_LEISURE: Final = 22_000
"""What is loaded after it, when the browser is idle, for the first press."""
MOST_AGAIN: Final = 6_000
"""What a second load may transfer, headers with it."""
MOST_REQUESTS: Final = 56
LAST_AT_LEISURE: Final = "views/timeline.js"
AT_FIRST: Final = """() => {
  const [{ startTime: shown }] = performance.getEntriesByName("desk");
  return performance.getEntriesByType("resource").filter(({ startTime }) => startTime < shown).map(({ name }) => name);
}"""
"""The addresses that were asked for until the desk stood."""

LONG_PAGE: Final = "/p/S15-P0047"
TOP_PARAGRAPH: Final = """() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const boxes = [...document.querySelectorAll(".text p")].map((each) => each.getBoundingClientRect());
  const at = boxes.findIndex(({ bottom }) => bottom > 0);
  resolve([at, -boxes[at].top / boxes[at].height]);
})))"""
TIMES: Final = 50
PANES: Final = (".", "w", ",", "?", "e", "p")
MOST_LEFT: Final = {"Nodes": 100, "JSEventListeners": 20, "JSHeapUsedSize": 2_000_000}
"""By how much fifty page turns and panes may let them grow: the pages themselves are kept, to be turned back to."""


@dataclass
class Transfers:
    """What a page asks for over the network, from now on: by name, with the bytes of its body and its headers."""

    page: Page
    found: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def watch(self) -> Transfers:
        """Begin."""
        session = await self.page.context.new_cdp_session(self.page)
        session.on("Network.requestWillBeSent", lambda told: self._take(told, address=told["request"]["url"]))
        session.on(
            "Network.responseReceived", lambda told: self._take(told, headers=told["response"]["encodedDataLength"])
        )
        session.on("Network.loadingFinished", lambda told: self._take(told, bytes=told["encodedDataLength"]))
        await session.send("Network.enable")
        return self

    def _take(self, told: dict[str, Any], **facts: Any) -> None:
        self.found.setdefault(told["requestId"], {}).update(facts)

    def names(self) -> list[str]:
        """Return what was asked for, in order: files by their names, the rest by its path."""
        return [_name_of(each["address"]) for each in self.found.values()]

    def total(self, names: set[str] | None = None) -> int:
        """Return the bytes of all, or of some, with headers."""
        chosen = (each for each in self.found.values() if names is None or _name_of(each["address"]) in names)
        return sum(each.get("bytes", 0) for each in chosen)

    def by_kind(self, names: set[str]) -> Counter[str]:
        """Return the bytes of some bodies by the kinds of `MOST_BYTES`."""
        kinds: Counter[str] = Counter()
        for each in self.found.values():
            if (name := _name_of(each["address"])) in names:
                kinds[_kind_of(name)] += each["bytes"] - each["headers"]
        return kinds


def _name_of(address: str) -> str:
    path = urlsplit(address)
    _, _, name = path.path.partition(f"/web/{shipped_files().version}/")
    return name or (f"{path.path}?{path.query}" if path.query else path.path)


def _kind_of(name: str) -> str:
    if name.startswith("/api/"):
        return "data"
    if name.startswith("vendor/"):
        return "vendor"
    endings = {".js": "own", ".css": "styles", ".woff2": "fonts", ".svg": "pictures"}
    return next((kind for ending, kind in endings.items() if name.endswith(ending)), "shell")


async def wait_for_leisure(page: Page) -> None:
    """Wait until what a first press needs is there."""
    await page.wait_for_function(
        f"() => performance.getEntriesByType('resource').some(({{ name }}) => name.endsWith('{LAST_AT_LEISURE}'))"
    )
    await page.wait_for_load_state("networkidle")


async def test_a_first_load_keeps_to_its_budget_and_a_second_takes_next_to_nothing(page: Page):
    transfers = await Transfers(page).watch()
    await open_desk(page)
    await wait_for_leisure(page)

    names = transfers.names()
    first = [_name_of(address) for address in await page.evaluate(AT_FIRST)]
    modules = [name for name in first if name.endswith(".js") and name != "early.js"]
    preloaded = await page.locator("link[rel=modulepreload]").evaluate_all("(all) => all.map(({ href }) => href)")
    assert [_name_of(address) for address in preloaded] == list(first_load(shipped_files()))
    assert sorted(modules) == sorted(first_load(shipped_files()))
    assert [name for name, count in Counter(names).items() if count > 1 and not name.endswith("/place")] == []
    assert len(first) <= MOST_REQUESTS
    kinds = transfers.by_kind({"/", *first})
    assert {kind: size for kind, size in kinds.items() if size > MOST_BYTES[kind]} == {}
    at_first = transfers.total({"/", *first})
    assert at_first <= MOST_IN_ALL
    assert transfers.total() - at_first <= MOST_AT_LEISURE

    transfers.found.clear()
    await page.reload()
    await wait_for_leisure(page)

    again = {_name_of(each["address"]) for each in transfers.found.values() if each.get("bytes", 0) > 0}
    assert {name for name in again if not name.startswith("/")} == set()
    assert transfers.total() <= MOST_AGAIN


async def top_paragraph(page: Page) -> list[float]:
    """Return which paragraph is at the top of the window, and which part of it is above, once all is laid out."""
    found: list[float] = await page.evaluate(TOP_PARAGRAPH)
    return found


async def test_the_paragraph_at_the_top_stays_there_when_the_page_is_laid_out_again(page: Page):
    """Where it begins above the window, the same part of it stays above."""
    await page.set_viewport_size({"width": 1280, "height": 400})
    await open_desk(page, LONG_PAGE)
    await wait_for_leisure(page)
    await page.evaluate("() => scrollTo(0, document.querySelectorAll('.text p')[1].offsetTop + 30)")
    number, part = await top_paragraph(page)
    assert part > 0

    async def is_kept() -> bool:
        now, now_part = await top_paragraph(page)
        return now == number and abs(now_part - part) < 0.1

    for width in (700, 480, 1280):
        await page.set_viewport_size({"width": width, "height": 400})
        assert await is_kept(), width
    await page.keyboard.press(".")
    await expect(page.get_by_role("complementary", name="Press")).to_be_visible()
    assert await is_kept()
    await page.keyboard.press(",")
    size = page.get_by_role("slider", name="Text size")
    for step in ("4", "-2"):
        await size.fill(step)
        assert await is_kept(), step


async def test_the_paragraph_at_the_top_stays_there_when_a_phone_is_turned(phone: Page):
    """Also when all of the page fits into the window meanwhile, so that another one is at its top."""
    turned = ViewportSize(width=844, height=390)
    await phone.set_viewport_size(turned)
    await open_desk(phone, LONG_PAGE)
    await phone.evaluate("() => scrollTo(0, document.querySelectorAll('.text p')[1].offsetTop + 30)")
    number, part = await top_paragraph(phone)
    assert part > 0

    await phone.set_viewport_size(ViewportSize(width=390, height=600))
    assert await top_paragraph(phone) == pytest.approx([number, part], abs=0.1)
    await phone.set_viewport_size(ViewportSize(width=900, height=1600))
    assert await phone.evaluate("() => scrollY") == 0
    await phone.set_viewport_size(turned)

    assert await top_paragraph(phone) == pytest.approx([number, part], abs=0.1)


async def test_fifty_pages_and_fifty_panes_leave_nothing_behind(still: Page):
    await open_desk(still)
    await wait_for_leisure(still)

    async def turn_and_open(times: int) -> None:
        for _ in range(times):
            await still.keyboard.press("ArrowRight")
        for n in range(times):
            await still.keyboard.press(PANES[n % len(PANES)])
        await still.keyboard.press("Escape")
        await expect(still.locator(".side")).to_have_count(0)
        await still.evaluate("() => scrollTo(0, 0)")
        await still.wait_for_load_state("networkidle")

    await turn_and_open(len(PANES) * 2)
    before = await held_by(still)
    await turn_and_open(TIMES)

    after = await held_by(still)
    grown = {name: after[name] - before[name] for name in MOST_LEFT}
    assert {name: by for name, by in grown.items() if by > MOST_LEFT[name]} == {}, grown
