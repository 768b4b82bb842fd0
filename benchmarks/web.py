"""The reader's page in Debian's Chromium: first text, presses, words, panes, the ring of a long journey, memory.

Times belong to the machine: software drawing, and the server beside the browser. What does not is asserted by
tests/web/test_budget.py.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page, Route, async_playwright
from tests.web.browser import CHROMIUM_ABSENT, chromium, held_by, open_desk
from tests.web.journeys import columns_of, ring_of

from benchmarks.harness import book_in, free_port, process, summary, wait_for_answer

LOADS, PRESSES, OPENINGS, TURNS = 10, 20, 20, 50
LONG: Final = 10_000
SECONDS_A_GESTURE: Final = 4
READABLE: Final = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
DESK: Final = "() => performance.getEntriesByName('desk')[0].startTime"
PRESS: Final = """() => new Promise((resolve) => {
  const began = performance.now();
  const look = () => requestAnimationFrame(() => {
    if (document.querySelector("article[aria-busy=true] .steps .now")) resolve(performance.now() - began);
    else look();
  });
  document.querySelector('.cell[data-code="31"]').click();
  look();
})"""
"""From a click on a cell to the frame that shows `queued`, in milliseconds."""
WORDS: Final = """() => {
  window.words = null;
  let came = null;
  window.WebSocket = class extends WebSocket {
    set onmessage(take) {
      super.onmessage = (message) => {
        if (message.data.includes('.delta"')) came ??= performance.now();
        take(message);
      };
    }
  };
  const watch = new MutationObserver(() => {
    if (came === null || !document.querySelector(".growing p")?.textContent) return;
    watch.disconnect();
    requestAnimationFrame(() => (window.words = performance.now() - came));
  });
  watch.observe(document, { childList: true, characterData: true, subtree: true });
}"""
"""From the first delta of the stream to the frame that shows its words, in milliseconds."""
SEEN: Final = "() => new Promise((resolve) => requestAnimationFrame(() => resolve(window.words)))"
INTERACTIONS: Final = """() => {
  window.slowest = 0;
  new PerformanceObserver((list) => {
    const found = list.getEntries().filter(({ interactionId }) => interactionId);
    window.slowest = Math.max(window.slowest, ...found.map(({ duration }) => duration));
  }).observe({ type: "event", durationThreshold: 16, buffered: true });
}"""
FRAMES: Final = """() => {
  const { spent } = document.querySelector(".ring-map").ring;
  spent.length = 0;
  window.frames = [];
  let before = null;
  const note = (now) => {
    if (before !== null) window.frames.push(now - before);
    before = now;
    window.noting = requestAnimationFrame(note);
  };
  window.noting = requestAnimationFrame(note);
}"""
STOP: Final = """() => {
  cancelAnimationFrame(window.noting);
  return [window.frames, [...document.querySelector(".ring-map").ring.spent]];
}"""

DRAWN: Final = "() => document.querySelector('.ring-map').ring.spent.at(-1)"


def measure() -> None:
    """Print the figures of the reader's page; without Chromium say what is missing."""
    program = chromium()
    if program is None:
        print(f"web: {CHROMIUM_ABSENT}")
        return
    with tempfile.TemporaryDirectory(prefix="qdpi-bench-web-") as folder:
        port = free_port()
        settings = {"QDPI_PORT": str(port), "QDPI_DATA_DIR": f"{folder}/data", "QDPI_MODEL": "offline"}
        settings |= {"QDPI_BOOK": str(book_in(Path(folder))), "QDPI_LOG_LEVEL": "error"}
        with process("qdpi", "run", environment=settings):
            url = f"http://127.0.0.1:{port}"
            wait_for_answer(url)
            asyncio.run(_in_browser(program, url))


async def _in_browser(program: str, url: str) -> None:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        print(f"web: Chromium {browser.version}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        parts: tuple[Callable[[Page], Awaitable[None]], ...] = (_loads, _presses, _grid, _memory, _ring)
        for part in parts:
            await _with_page(browser, url, part)
        await browser.close()


async def _with_page(browser: Browser, url: str, part: Callable[[Page], Awaitable[None]]) -> None:
    context = await browser.new_context(base_url=url, viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    try:
        await part(await context.new_page())
    finally:
        await context.close()


def _say(what: str, milliseconds: list[float]) -> None:
    print(f"web, {what}: {summary([each / 1_000 for each in milliseconds])}", flush=True)


async def _loads(page: Page) -> None:
    """Each load has an empty cache."""
    readable, desk = list[float](), list[float]()
    for _ in range(LOADS):
        session = await page.context.new_cdp_session(page)
        await session.send("Network.clearBrowserCache")
        await open_desk(page, "/p/S01-P0002")
        readable.append(await page.evaluate(READABLE))
        desk.append(await page.evaluate(DESK))
        await session.detach()
    _say("navigation to first readable page, empty cache", readable)
    _say("navigation to the desk, empty cache", desk)


async def _presses(page: Page) -> None:
    queued, words = list[float](), list[float]()
    await page.add_init_script(f"({WORDS})()")
    ring = await ring_of(page.context.request)
    for n in range(PRESSES):
        await open_desk(page, f"/p/{ring[n]}")
        await page.keyboard.press(".")
        await page.locator('.cell[data-code="31"][data-given]').wait_for()
        queued.append(await page.evaluate(PRESS))
        await page.locator("article[data-page-id]").wait_for()
        if (took := await page.evaluate(SEEN)) is not None:  # else the page was written before the stream was open
            words.append(took)
    _say("press to `queued` seen", queued)
    _say("first delta to words seen", words)


async def _grid(page: Page) -> None:
    """Opened by its key and by its button; the time is to the next frame, as INP counts."""
    await open_desk(page)
    await page.wait_for_load_state("networkidle")
    await page.evaluate(INTERACTIONS)
    slowest = list[float]()
    for _ in range(OPENINGS):
        await page.evaluate("() => (window.slowest = 0)")
        await page.keyboard.press(".")
        await page.locator(".grid").wait_for()
        await page.keyboard.press(".")
        await page.locator(".grid").wait_for(state="detached")
        await page.wait_for_timeout(50)
        slowest.append(await page.evaluate("() => window.slowest"))
    _say("the slowest interaction of opening and closing the grid (INP, in steps of 8 ms)", slowest)


async def _memory(page: Page) -> None:
    await open_desk(page)
    await page.wait_for_load_state("networkidle")
    before = (await held_by(page))["JSHeapUsedSize"]
    for _ in range(TURNS):
        await page.keyboard.press("ArrowRight")
        await page.wait_for_timeout(20)
    await page.wait_for_load_state("networkidle")
    after = (await held_by(page))["JSHeapUsedSize"]
    print(f"web, heap: {before / 1e6:.1f} MB at first, {after / 1e6:.1f} MB after {TURNS} page turns", flush=True)


async def _ring(page: Page) -> None:
    """The journey is made up; the book is the server's."""
    ring = await ring_of(page.context.request)
    columns = columns_of(LONG, ring)

    async def answer(route: Route) -> None:
        await route.fulfill(json=columns)

    await page.route("**/journey/*/tree*", answer)
    await open_desk(page, "/ring")
    await page.locator(".ring-map").wait_for()
    await page.wait_for_timeout(1_000)
    box = await page.locator(".ring-map").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for what, gesture in (("panned", _pan), ("zoomed", _zoom)):
        await page.mouse.move(x, y)
        await page.evaluate(FRAMES)
        await gesture(page, x, y)
        frames, script = await page.evaluate(STOP)
        _say(f"ring of {LONG:,} pages {what}, from frame to frame", frames)
        _say(f"ring of {LONG:,} pages {what}, script a frame", script)
        await page.wait_for_timeout(500)  # the gesture has ended
        print(f"web, all of it drawn anew: {await page.evaluate(DRAWN):.1f} ms of script", flush=True)
    held = await held_by(page)
    print(f"web, heap with {LONG:,} pages: {held['JSHeapUsedSize'] / 1e6:.1f} MB", flush=True)


async def _pan(page: Page, x: float, y: float) -> None:
    await page.mouse.down()
    end, step = time.monotonic() + SECONDS_A_GESTURE, 0
    while time.monotonic() < end:
        step += 1
        await page.mouse.move(x + step % 200, y + step % 80)
    await page.mouse.up()


async def _zoom(page: Page, x: float, y: float) -> None:
    end, step = time.monotonic() + SECONDS_A_GESTURE, 0
    while time.monotonic() < end:
        step += 1
        await page.mouse.wheel(0, -40 if step // 30 % 2 == 0 else 40)
