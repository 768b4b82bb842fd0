"""EPUB files against EPUBCheck, the reference validator: https://www.w3.org/publishing/epubcheck/."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.export.journeys import add_outcomes, exported, whole_journey
from tests.export.pages import AWKWARD
from tests.support.flow import working
from tests.support.gateway import system_in
from tests.support.servers import ABSENT

from qdpi.cluster.artifacts import pinned_jars
from qdpi.cluster.tools import find_java
from qdpi.errors import ToolMissing

PINNED = Path(__file__).parent / "pinned" / "epubcheck-5.2.1"
_BRIEF = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Java's options for a program of two seconds: half of the processor's time."""
pytestmark = pytest.mark.epubcheck


async def check(epub: bytes, directory: Path) -> list[dict[str, Any]]:
    """Return EPUBCheck's messages for a file, hints included; skip the test where it cannot run."""
    try:
        java, jars = find_java(os.environ), await pinned_jars(PINNED, os.environ, print)
    except ToolMissing:
        pytest.skip(ABSENT)
    file, report = directory / "journey.epub", directory / "report.json"
    file.write_bytes(epub)
    child = await asyncio.create_subprocess_exec(
        java.program, *_BRIEF, "-cp", f"{jars}/*", "com.adobe.epubcheck.tool.Checker", file,
        "--json", report, "--quiet",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await child.wait()
    messages: list[dict[str, Any]] = json.loads(report.read_text())["messages"]
    return messages


async def test_epubcheck_reports_a_fault(tmp_path: Path):
    """EPUBCheck reports a file with a wrong media type, so its silence means something."""
    async with system_in(tmp_path) as system:
        await add_outcomes(system.store, 1)
        epub = await exported(system.store, "epub")

    assert await check(epub.replace(b"mimetypeapplication/epub+zip", b"mimetypeapplication/epub+zap"), tmp_path)


async def test_generated_journey_is_valid(tmp_path: Path):
    """The EPUB of a journey that went through all services passes without a message."""
    async with working(tmp_path) as flow:
        for symbol in ("an-author:XC", "london-fox:ZP", "glyph-marrow:AU", "princhetta:YS", "an-author:ZS"):
            await flow.press("reader", symbol)

        assert await check(await exported(flow.system.store, "epub"), tmp_path) == []


async def test_empty_journey_is_valid(tmp_path: Path):
    """The EPUB of a journey without outcomes passes without a message."""
    async with system_in(tmp_path) as system:
        assert await check(await exported(system.store, "epub"), tmp_path) == []


async def test_awkward_texts_and_symbols_are_valid(tmp_path: Path):
    """Awkward texts and titles and a fifth of all symbols pass without a message."""
    async with system_in(tmp_path) as system:
        await whole_journey(system.store)
        for text in AWKWARD:
            await add_outcomes(system.store, 1, text=text, title=text)
        for symbol in range(0, 256, 5):
            await add_outcomes(system.store, 1, symbol_code=symbol)

        assert await check(await exported(system.store, "epub"), tmp_path) == []
