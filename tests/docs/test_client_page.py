"""The programs of docs/client.md, run unchanged against a running gateway."""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
from pathlib import Path

import pytest
from tests.support.flow import working
from tests.support.gateway import served

from qdpi.client import Client

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ADDRESS = "127.0.0.1:8000"


async def run(program: str, directory: Path) -> str:
    async with working(directory) as flow, served(flow.system) as (address, _, _):
        assert ADDRESS in program
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program.replace(ADDRESS, address),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await child.communicate()
    assert (child.returncode, err.decode()) == (0, "")
    return out.decode()


@pytest.mark.process
@pytest.mark.parametrize(
    ("number", "printed"),
    [(0, r"(?s).*\n\w.*\n .{36} \d+ [0-9a-f]{64}\n"), (1, r"422 invalid_symbol\n'nobody:XC' .*\n")],
)
async def test_program_of_the_page_runs(number: int, printed: str, tmp_path: Path):
    """A program prints what the page says it prints, against a running gateway."""
    assert re.fullmatch(printed, await run(PROGRAMS[number], tmp_path))


def test_number_of_programs():
    """Every program of the page is run above."""
    assert len(PROGRAMS) == 2


def test_methods_are_on_the_page():
    """The page names every public method of the client."""
    methods = [name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")]
    assert [name for name in methods if name != "close" and f"`{name}(" not in PAGE] == []
