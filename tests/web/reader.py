"""What a reader does at the desk, and what is seen there."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from typing import Any, Final

from playwright.async_api import Locator, Page, expect
from tests.web.browser import open_desk

FIRST: Final = "S01-P0001"


async def sit_down(page: Page, at: str = FIRST, *, session: str | None = None) -> str:
    """Open a page of the book, as the reader of a session or as a new one. Returns the session's id."""
    await open_desk(page, f"/p/{at}" + (f"#session={session}" if session else ""))
    kept = await page.evaluate("() => localStorage.getItem('qdpi.session')")
    assert isinstance(kept, str)
    return kept


async def press(page: Page, symbol: str) -> None:
    """Press a symbol by its two hex digits."""
    await page.keyboard.press("s")
    await page.keyboard.type(symbol)
    await page.keyboard.press("Enter")


async def open_grid(page: Page) -> None:
    """Open the pane with the symbols, which knows what each would do."""
    await page.get_by_role("button", name="Press", exact=True).click()
    await expect(cell(page, 0x00)).to_have_attribute("data-given", "T0", timeout=15_000)


def cell(page: Page, code: int) -> Locator:
    """Return the cell of a symbol in the grid."""
    return page.locator(f'.cell[data-code="{code}"]')


def writing(page: Page) -> Locator:
    """Return the page that is being written, where its page will stand."""
    return page.locator("article.page[aria-busy=true]")


def bound(page: Page) -> Locator:
    """Return a page that was written for the reader, whole or a part."""
    return page.locator("article.page[data-page-id]").filter(has=page.get_by_role("button", name="Why this page"))


async def page_id(page: Page) -> str:
    """Return the id of the page that is shown."""
    shown = await page.locator("article.page").get_attribute("data-page-id")
    assert shown is not None
    return shown


async def told_texts(page: Page, selector: str) -> None:
    """From now on keep every text that an element has, however short: for `texts`."""
    await page.add_init_script(f"""
      window.texts = [];
      const note = () => {{
        const text = document.querySelector({selector!r})?.textContent?.trim();
        if (text && text !== window.texts.at(-1)) window.texts.push(text);
      }};
      document.addEventListener("DOMContentLoaded", () =>
        new MutationObserver(note).observe(document.body, {{ childList: true, subtree: true, characterData: true }}));
    """)


async def texts(page: Page) -> list[str]:
    """Return the texts that `told_texts` has kept."""
    kept: Any = await page.evaluate("() => window.texts")
    return list(kept)


async def read_in_terminal(url: str, session: str, *commands: str) -> str:
    """Give commands to `qdpi read` at a server, in a session, and return what it says."""
    command = [sys.executable, "-m", "qdpi", "read", "--lines", "--url", url, "--session", session]
    reader = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    said, _ = await reader.communicate("".join(f"{each}\n" for each in commands).encode())
    assert reader.returncode == 0, said
    return said.decode()
