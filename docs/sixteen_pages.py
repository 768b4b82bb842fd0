"""Have the small model write docs/sixteen-pages.md: a page in each voice of the project's own book, to the same words.

`python docs/sixteen_pages.py`, after `make local-model`, takes some five minutes. The model draws at random, so the
pages are others each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from pictures import gateway

from qdpi.api.responses import WrittenPage
from qdpi.client import Client
from qdpi.page_schema import Check
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES

DOCUMENT: Final = Path(__file__).with_name("sixteen-pages.md")
ASK: Final = "Who left the lantern burning on the stairs?"
BEHAVIOR: Final = "AU"
MEASURES: Final = ("lecture", "voice", "shape", "anchored", "answers", "continuity", "bridges", "wholeness")


async def write_pages() -> list[WrittenPage]:
    """Return a page in each voice, pressed at the end of the section before its own, so that a voice is changed."""
    async with gateway("local") as client:
        return [await _page(client, character) for character in CHARACTER_MAP]


async def _page(client: Client, character: int) -> WrittenPage:
    section = (character - 1) % len(CHARACTER_MAP) + 1
    before = [entry.page_id for entry in (await client.canon()).ring if entry.section == section]
    return await client.run(f"{CHARACTER_MAP[character]}:{BEHAVIOR}", page_id=before[-1], user_intent=ASK)


def document(pages: Sequence[WrittenPage]) -> Iterator[str]:
    """Yield the lines of the document."""
    yield "# Sixteen pages of the small model"
    yield ""
    yield f"One in each voice of the project's own book, as `{pages[0].model}` wrote them, none left out. Each was"
    yield f"asked: “{ASK}” `python docs/sixteen_pages.py` writes sixteen others: the model draws at random."
    yield "[Measures](measures.md) says what the figures mean; bold ones do not reach their threshold."
    for page in pages:
        length, seconds = len(page.text.split()), sum(call.milliseconds for call in page.receipt.calls) / 1000
        yield ""
        yield f"## {CHARACTER_NAMES[page.char_hex]}"
        yield ""
        yield f"After {page.locus}, {length} words in {seconds:.0f} s: {_measured(page.validation.checks)}."
        for paragraph in page.text.split("\n\n"):
            yield ""
            yield f"> {paragraph}"


def _measured(checks: Iterable[Check]) -> str:
    known = {check.name: check for check in checks}
    marks = {name: "**" if known[name].passed is False else "" for name in MEASURES}
    told = [name for name in MEASURES if known[name].score is not None]
    return ", ".join(f"{marks[name]}{name} {known[name].score:.2f}{marks[name]}" for name in told)


def main() -> None:
    """Write the document."""
    lines = document(asyncio.run(write_pages()))
    DOCUMENT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
