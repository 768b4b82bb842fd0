"""The structure of the package in figures: `make house`.

It prints the modules at the top, the imports that cross a border, the cycles, the methods of each port of the page
store, and the source files that one press enters on the embedded bus and store, from the HTTP request to the indexed
page, as a profiler sees them.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

import httpx
import structlog
from tests.architecture.borders import PACKAGE, SOURCE, crossings, cycles, imports, loose_modules, modules
from tests.support.flow import working
from tests.support.gateway import listening, served

from qdpi.store import ports

MOST_LOOSE: Final = 18
MOST_METHODS: Final = 10
MOST_FILES: Final = 89
PRESSES: Final = 4
"""How many presses are profiled: a file that only some of them enter is a timer's."""
ON_THE_WAY: Final = ("enricher", "page_generator")
"""The workers between a press and its page. The others take up what these publish, beside the press's way."""
STORE_PORTS: Final = (ports.Outcomes, ports.Pages, ports.Log, ports.Canon, ports.Index, ports.Vault)


@dataclass(slots=True)
class EnteredFiles:
    """The package's source files in which a function was called while `recording` was set."""

    recording: bool = False
    files: set[str] = field(default_factory=set)

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Take a call, as `sys.setprofile` reports it."""
        if self.recording and event == "call":
            self.files.add(frame.f_code.co_filename)

    def names(self) -> list[str]:
        """Return the package's own files among them, relative to it."""
        root = SOURCE / PACKAGE
        return sorted(str(Path(name).relative_to(root)) for name in self.files if Path(name).is_relative_to(root))


@contextmanager
def profiled() -> Iterator[EnteredFiles]:
    """Profile this thread, and all that are started in the block."""
    entered = EnteredFiles()
    threading.setprofile(entered)
    sys.setprofile(entered)
    try:
        yield entered
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


_TIMERS: Final = frozenset({"gateway/server.py"})
"""Entered ten times a second by uvicorn's tick, so by every press that takes longer."""


async def files_of_a_press(directory: Path) -> list[str]:
    """Return the source files that every press of a journey enters after its first, which loads what is loaded once."""
    presses: list[set[str]] = []
    with profiled() as entered:
        async with (
            working(directory, workers=ON_THE_WAY) as flow,
            served(flow.system) as (address, _, _),
            httpx.AsyncClient(base_url=f"http://{address}", timeout=60.0) as client,
            listening(address, "reader") as stream,
        ):
            for _ in range(PRESSES):
                entered.files, entered.recording = set(), True
                body = {"session_id": "reader", "symbol_code": 0, "page_id": "S01-P0001"}
                answer = await client.post("/api/v1/event/ui/symbol", json=body)
                answer.raise_for_status()
                await stream.until("generate.page.done")
                entered.recording = False
                presses.append(set(entered.names()))
                for worker in ON_THE_WAY:
                    await flow.all_read_by(worker)
    return sorted(set.intersection(*presses[1:]) - _TIMERS)


def methods_of(port: type) -> list[str]:
    """Return the methods of a port."""
    return [name for name, value in vars(port).items() if callable(value) and not name.startswith("_")]


def report(entered: list[str]) -> Iterator[str]:
    """Give the figures, a line each."""
    crossed, found, loose = crossings(), cycles(), loose_modules()
    yield f"modules                       {len(modules())}, with {sum(1 for _ in imports())} imports of each other"
    yield f"modules at the top            {len(loose)} (at most {MOST_LOOSE}): {', '.join(loose)}"
    yield f"imports that cross a border   {len(crossed)}"
    yield from (f"  {each}" for each in crossed)
    yield f"import cycles                 {len(found)}"
    yield from (f"  {each}" for each in found)
    counted = ", ".join(f"{port.__name__} {len(methods_of(port))}" for port in STORE_PORTS)
    yield f"methods of the store's ports  at most {MOST_METHODS}: {counted}"
    yield f"files that a press enters     {len(entered)} (at most {MOST_FILES})"
    yield from (f"  {name}" for name in entered)


def main() -> None:
    """Print the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as directory:
        entered = asyncio.run(files_of_a_press(Path(directory)))
    sys.stdout.write("\n".join((*report(entered), "")))


if __name__ == "__main__":
    main()
