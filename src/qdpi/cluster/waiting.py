"""Waiting for a server that starts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from qdpi.cluster.node import Node, Place
from qdpi.cluster.processes import pid_of
from qdpi.errors import ServicesFailed

_LOOK_EVERY: Final = 0.1
_TAIL_BYTES: Final = 64 << 10
_TROUBLE: Final = ("ERROR", "FATAL", "Exception", "Error:")


async def until_ready(node: Node, place: Place, is_ready: Callable[[Node], Awaitable[bool]], patience: float) -> None:
    """Return when a node is ready. Raises `ServicesFailed` where it ends before that, or takes too many seconds."""
    look = f"`qdpi services logs {node.name}` says more; the file is {place.log}."
    try:
        async with asyncio.timeout(patience):
            while not await is_ready(node):
                if pid_of(place) is None:
                    raise ServicesFailed(f"{node.name} ended while it started: {trouble(place.log)}", next_step=look)
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError:
        raise ServicesFailed(f"{node.name} is not ready after {patience:g} seconds.", next_step=look) from None


def last_lines(log: Path, count: int) -> list[str]:
    """Return the last lines of a log, of its last 64 KiB; none where there is no log."""
    try:
        with log.open("rb") as opened:
            opened.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return opened.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def trouble(log: Path) -> str:
    """Return the last line of a log that tells of trouble, else its last line."""
    lines = last_lines(log, 400)
    return next(_troubled(reversed(lines)), (lines or ["it said nothing"])[-1])[:300]


def _troubled(lines: Iterator[str]) -> Iterator[str]:
    return (line.strip() for line in lines if any(word in line for word in _TROUBLE))
