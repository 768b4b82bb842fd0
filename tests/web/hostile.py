"""A book, a model and a reader who write what breaks pages: markup, templates, directions, words without an end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final

from tests.support.model_server import EVENT_STREAM, ModelRequest, ModelServer, send_event
from tests.web.storyteller import PLAN_ASKED

from qdpi.symbols import CHARACTER_MAP

PAGES_EACH: Final = 3
OVERRIDE: Final = "\u202e"
"""What follows it runs from right to left, up to the end of what it is isolated in."""
MARKUP: Final = "</script></title><script>boom()</script><img src=x onerror=boom()><svg/onload=boom()><!-- <p"
TEMPLATES: Final = "&amp; &lt;b&gt; &#60;i&#62; {{7*7}} {% raw %} ${7*7} **a** [b](javascript:boom()) \\u003cscript>"
EMOJI: Final = "👩‍👩‍👧‍👦🏳️‍🌈🇮🇸👍🏽𝔤𝔬𝔱𝔥𝔦𝔠 &zwj;" * 5
MARKS: Final = "Z" + "\u0301\u0323\u0489" + "\u0301\u0323\u0336\u035c" * 60
BACKWARDS: Final = f"a {OVERRIDE}override \u2067that nobody\u2066 closes \u2069\u2069"
HEBREW: Final = "שלום עולם, the lamp שלום"
TITLES: Final = (MARKUP, "W" * 300, BACKWARDS, TEMPLATES, EMOJI, MARKS, HEBREW, None, "–" * 300)
TEXT: Final = f"The lamp. {MARKUP}\r\n\r\n{TEMPLATES}\r\n\r\n{BACKWARDS}\n{HEBREW}\n\n{EMOJI}{MARKS}\n\n"
PAGE: Final = f"No lamp was lit. {HEBREW} {BACKWARDS}\n{TEMPLATES} {EMOJI}{MARKS} {MARKUP}"
SVG: Final = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title>&lt;script&gt;</title>{}</svg>'
COLORS: Final = (
    "#ffffff", "#000000", "#FFFF33", "#00ffff", "#808080", "#777777", "#fbf8f1", "#17161a",
    "#fff", "#ffffff80", "white", "red;} body {display: none", "rgb(1, 2, 3)", " #ABCDEF ", "", "#ff00ff",
)  # fmt: skip
"""What pages give as the colour of their voice: some are none, and then the book has one of its own."""


def words(length: int) -> str:
    """Return what a reader may write at most, as bad as it can be: all kinds, then one word without an end."""
    return (BACKWARDS + MARKUP + TEMPLATES + EMOJI + HEBREW).ljust(length, "W")[:length]


def hostile_book(folder: Path) -> Path:
    """Write a book of the corpus layout, hostile wherever a book is asked for words, and return its folder."""
    rows = [_row(number) for number in range(1, 16 * PAGES_EACH + 1)]
    for row in rows:
        text = TEXT + ("x" * 100_000 if row["id"] == 1 else "y" * 2_000)
        _put(folder / "pages" / str(row["filename"]), text)
    _put(folder / "metadata" / "pages.json", json.dumps(rows))
    symbols = {slug: {"title": TITLES[number % len(TITLES)]} for number, slug in CHARACTER_MAP.items()}
    about = {"title": words(300), "author": words(300), "symbols": symbols}
    _put(folder / "index.json", json.dumps(about))
    profiles = {slug: {"voice": words(900)} for slug in CHARACTER_MAP.values()}
    _put(folder / "metadata" / "character_profiles.json", json.dumps({"characters": profiles}))
    _put(folder / "characters" / CHARACTER_MAP[1] / "symbol.svg", SVG.format('<path d="M0 0h9v9z"/>'))
    return folder


def _row(number: int) -> dict[str, Any]:
    character = (number - 1) // PAGES_EACH
    return {
        "id": number,
        "symbolId": CHARACTER_MAP[character],
        "title": TITLES[(number - 1) % len(TITLES)],
        "section": character + 1,
        "filename": f"{number:03}-page.md",
        "color": COLORS[character],
    }


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


class HostileModel(ModelServer):
    """A model whose plans and pages are hostile, in pieces that part emoji and marks of HTML.

    In the mode `slow` it waits for `release` before the end of a page.
    """

    async def _complete(self, request: ModelRequest, writer: asyncio.StreamWriter) -> None:
        if self.refusals:
            await super()._complete(request, writer)
            return
        prompt = "\n".join(str(message["content"]) for message in request.body["messages"])
        text = f"{MARKUP}\n{BACKWARDS}" if PLAN_ASKED in prompt else f"{PAGE}\0\x1b[31m{'w' * 3_000}"
        writer.write(EVENT_STREAM)
        for at in range(0, len(text), 7):
            await send_event(writer, {"choices": [{"index": 0, "delta": {"content": text[at : at + 7]}}]})
        if self.mode == "slow" and PLAN_ASKED not in prompt:
            await self.release.wait()
        await send_event(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()
