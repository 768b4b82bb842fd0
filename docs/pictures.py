"""Draw the pictures of docs/images: `make pictures`.

A whole system runs in a temporary directory, with the project's own book and the offline writer. One symbol is pressed
in the terminal reader, and its screens are written as SVG. The ids and the words are the same at every run.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

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
async def gateway() -> AsyncIterator[Client]:
    """Run everything in this process and give a client of it."""
    with tempfile.TemporaryDirectory() as directory:
        settings = load_settings({}, data_dir=directory, model="offline", port=0, log_level="error")
        configure_logs(settings)
        with listen(settings) as listening:
            process = await build_process(
                settings, workers=WORKERS, listening=listening, first_book=lambda done, total: None
            )
            async with running(process), Client(address_of(listening)) as client:
                yield client


async def pictures() -> dict[str, str]:
    """Return the pictures, by file name."""
    async with gateway() as client:
        run = await client.run(SYMBOL, session_id=SESSION, page_id=PAGE, client_request_id="picture")
        app = ReaderApp(client, SESSION)
        async with app.run_test(size=PAGE_SIZE) as pilot:
            await _until(pilot, lambda: app.reader.page is not None and app.reader.page.page_id == run.page_id)
            page = app.export_screenshot(title="qdpi read")
            await pilot.resize_terminal(*SYMBOLS_SIZE)
            await pilot.press("s")
            await _until(pilot, lambda: isinstance(app.screen, GridScreen))
            return {"page.svg": page, "symbols.svg": app.export_screenshot(title="qdpi read: s")}


async def _until(pilot: Pilot[int], condition: Callable[[], bool]) -> None:
    while not condition():
        await pilot.pause(0.01)
    await pilot.pause()


if __name__ == "__main__":
    for name, drawn in asyncio.run(pictures()).items():
        (IMAGES / name).parent.mkdir(exist_ok=True)
        (IMAGES / name).write_text(drawn, encoding="utf-8")
        sys.stdout.write(f"wrote docs/images/{name}\n")
