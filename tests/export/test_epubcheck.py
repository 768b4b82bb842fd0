"""What the publishers' own checker says of the EPUB files: https://www.w3.org/publishing/epubcheck/."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.export.journeys import exported, read, whole_journey
from tests.export.pages import AWKWARD
from tests.support.flow import working
from tests.support.gateway import system_in
from tests.support.servers import ABSENT

from qdpi.cluster.artifacts import pinned_jars
from qdpi.cluster.tools import find_java
from qdpi.errors import ToolMissing

PINNED = Path(__file__).parent / "pinned" / "epubcheck-5.2.1"
pytestmark = pytest.mark.epubcheck


async def check(epub: bytes, directory: Path) -> list[dict[str, Any]]:
    """Return the checker's messages of a file, hints included; skips where it cannot run."""
    try:
        java, jars = find_java(os.environ), await pinned_jars(PINNED, os.environ, print)
    except ToolMissing:
        pytest.skip(ABSENT)
    file, report = directory / "journey.epub", directory / "report.json"
    file.write_bytes(epub)
    child = await asyncio.create_subprocess_exec(
        java.program, "-cp", f"{jars}/*", "com.adobe.epubcheck.tool.Checker", file, "--json", report, "--quiet",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await child.wait()
    messages: list[dict[str, Any]] = json.loads(report.read_text())["messages"]
    return messages


async def test_the_checker_finds_what_is_wrong(tmp_path: Path):
    async with system_in(tmp_path) as system:
        await read(system.store, 1)
        epub = await exported(system.store, "epub")

    assert await check(epub.replace(b"mimetypeapplication/epub+zip", b"mimetypeapplication/epub+zap"), tmp_path)


async def test_a_journey_that_was_really_read_is_valid(tmp_path: Path):
    async with working(tmp_path) as flow:
        for symbol in ("an-author:XC", "london-fox:ZP", "glyph-marrow:AU", "princhetta:YS", "an-author:ZS"):
            await flow.press("reader", symbol)

        assert await check(await exported(flow.system.store, "epub"), tmp_path) == []


async def test_a_journey_that_nobody_has_begun_is_valid(tmp_path: Path):
    async with system_in(tmp_path) as system:
        assert await check(await exported(system.store, "epub"), tmp_path) == []


async def test_awkward_texts_and_titles_and_many_symbols_are_valid(tmp_path: Path):
    async with system_in(tmp_path) as system:
        await whole_journey(system.store)
        for text in AWKWARD:
            await read(system.store, 1, text=text, title=text)
        for symbol in range(0, 256, 5):
            await read(system.store, 1, symbol_code=symbol)

        assert await check(await exported(system.store, "epub"), tmp_path) == []
