"""Draw the pictures of docs/images: `make pictures`, or those of one reader: `python docs/pictures.py browser`.

A whole system runs in a temporary directory, with the project's own book and the offline writer. The terminal reader's
screens are written as SVG, which is the same at every run. The browser's windows are written as PNG by a Chromium,
whose path `QDPI_TEST_CHROMIUM` may name. Times are in them, and the edges of letters differ from machine to machine.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Page, async_playwright, expect
from textual.pilot import Pilot

from qdpi.client import Client
from qdpi.observability.logs import configure_logs
from qdpi.runtime.address import address_of, listen
from qdpi.runtime.process import build_process, running
from qdpi.settings import load_settings
from qdpi.terminal.app import ReaderApp
from qdpi.terminal.screens import GridScreen
from qdpi.topology import WORKERS

IMAGES: Final = Path(__file__).parent / "images"
PAGE_SIZE: Final = (104, 22)
SYMBOLS_SIZE: Final = (104, 32)
"""The columns and rows of the terminal."""
SESSION: Final = "pictures"
PAGE: Final = "S03-P0007"
SYMBOL: Final = "shamrock-stillman:ZC"


@asynccontextmanager
async def gateway(model: str = "offline") -> AsyncIterator[Client]:
    """Run everything in this process, with a model, and give a client of it."""
    with tempfile.TemporaryDirectory() as directory:
        settings = load_settings({}, data_dir=directory, model=model, port=0, log_level="error")
        configure_logs(settings)
        with listen(settings) as listening:
            process = await build_process(
                settings, workers=WORKERS, listening=listening, first_book=lambda done, total: None
            )
            async with running(process), Client(address_of(listening)) as client:
                yield client


async def terminal_pictures() -> dict[str, bytes]:
    """Return the pictures of the terminal reader, by file name."""
    async with gateway() as client:
        run = await client.run(SYMBOL, session_id=SESSION, page_id=PAGE, client_request_id="picture")
        app = ReaderApp(client, SESSION)
        async with app.run_test(size=PAGE_SIZE) as pilot:
            await _until(pilot, lambda: app.reader.page is not None and app.reader.page.page_id == run.page_id)
            page = app.export_screenshot(title="qdpi read")
            await pilot.resize_terminal(*SYMBOLS_SIZE)
            await pilot.press("s")
            await _until(pilot, lambda: isinstance(app.screen, GridScreen))
            symbols = app.export_screenshot(title="qdpi read: s")
            return {"page.svg": page.encode(), "symbols.svg": symbols.encode()}


async def _until(pilot: Pilot[int], condition: Callable[[], bool]) -> None:
    while not condition():
        await pilot.pause(0.01)
    await pilot.pause()


@dataclass(frozen=True)
class Window:
    """A picture of the browser: the size in CSS pixels, the theme, and what is opened in it."""

    opens: Callable[[Page, str], Awaitable[None]]
    width: int = 1200
    height: int = 800
    theme: Any = "light"
    is_phone: bool = False


async def _open(page: Page, path: str) -> None:
    await page.goto(path)
    await expect(page.locator("#desk > .desk[data-view]")).to_be_visible()


async def _book(page: Page, written: str) -> None:
    await _open(page, f"/p/{PAGE}")


async def _written(page: Page, written: str) -> None:
    await _open(page, f"/p/{written}")
    await expect(page.locator(f'#page[data-page-id="{written}"]')).to_be_visible()


async def _grid(page: Page, written: str) -> None:
    await _book(page, written)
    await page.keyboard.press(".")
    await expect(page.locator(".cell[data-given]").first).to_be_visible()


async def _phone_grid(page: Page, written: str) -> None:
    await _book(page, written)
    await page.get_by_role("button", name="Press", exact=True).click()
    await expect(page.get_by_role("complementary", name="Press")).to_be_visible()


async def _why(page: Page, written: str) -> None:
    await _written(page, written)
    await page.keyboard.press("w")
    await expect(page.locator(".why")).to_be_visible()


async def _ring(page: Page, written: str) -> None:
    await _open(page, "/ring")
    await expect(page.locator("main:not([aria-busy=true]) h1")).to_be_visible()


async def _timeline(page: Page, written: str) -> None:
    await _open(page, "/at/3")
    await expect(page.locator('[data-proof="proven"]')).to_be_visible()


WINDOWS: Final[Mapping[str, Window]] = {
    "desk-light.png": Window(_book),
    "desk-dark.png": Window(_written, theme="dark"),
    "phone.png": Window(_written, width=390, height=780, is_phone=True),
    "phone-press.png": Window(_phone_grid, width=390, height=780, is_phone=True, theme="dark"),
    "grid.png": Window(_grid),
    "ring.png": Window(_ring, theme="dark"),
    "why.png": Window(_why),
    "timeline.png": Window(_timeline),
}


LABELS: Final = {1: "To read again", 3: "The customer"}
"""Which of the pages that are written are in the vault, and under which name."""


async def _journey(client: Client) -> str:
    """Make the journey that the browser shows. Returns the page that is opened."""
    asked = "What did the last customer leave behind?"
    pressed = [(0x1F, "S01-P0002", None), (0x20, "S02-P0004", None), (0x2E, PAGE, None)]
    pressed += [(0x5B, PAGE, asked)] * 2
    runs = []
    for n, (symbol, locus, words) in enumerate(pressed):
        run = await client.run(
            symbol, session_id=SESSION, page_id=locus, user_intent=words, client_request_id=f"picture {n}"
        )
        runs.append(run)
        if n in LABELS:
            await client.save(SESSION, run.page_id, label=LABELS[n])
    return runs[3].page_id


async def _picture(browser: Browser, address: str, window: Window, written: str) -> bytes:
    context = await browser.new_context(
        base_url=address,
        viewport={"width": window.width, "height": window.height},
        device_scale_factor=2 if window.is_phone else 1.5,
        is_mobile=window.is_phone,
        has_touch=window.is_phone,
        color_scheme=window.theme,
        reduced_motion="reduce",
        locale="en-GB",
        storage_state={
            "cookies": [],
            "origins": [{"origin": address, "localStorage": [{"name": "qdpi.session", "value": SESSION}]}],
        },
    )
    page = await context.new_page()
    await window.opens(page, written)
    await page.wait_for_load_state("networkidle")
    picture = await page.screenshot()
    await context.close()
    return picture


def chromium() -> str:
    """Return the path of a Chromium. Raises `SystemExit` where there is none."""
    program = os.environ.get("QDPI_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        sys.exit("No Chromium to draw the browser's pictures: install it, or name its program in QDPI_TEST_CHROMIUM.")
    return program


async def browser_pictures(names: Mapping[str, Window] = WINDOWS) -> dict[str, bytes]:
    """Return the pictures of the browser, by file name."""
    async with gateway() as client, async_playwright() as playwright:
        written = await _journey(client)
        sandbox = [] if os.geteuid() else ["--no-sandbox"]  # a sandbox refuses root
        browser = await playwright.chromium.launch(executable_path=chromium(), args=sandbox)
        return {name: await _picture(browser, client.url, window, written) for name, window in names.items()}


READERS: Final[Mapping[str, Callable[[], Awaitable[dict[str, bytes]]]]] = {
    "terminal": terminal_pictures,
    "browser": browser_pictures,
}


async def draw(readers: list[str]) -> None:
    """Write the pictures of some readers, of all where none is named."""
    for reader in readers or READERS:
        for name, picture in (await READERS[reader]()).items():
            (IMAGES / name).write_bytes(picture)
            sys.stdout.write(f"wrote docs/images/{name}\n")


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    asyncio.run(draw(sys.argv[1:]))
