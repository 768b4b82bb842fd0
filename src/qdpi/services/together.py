"""Awaiting several things at once, with one error out of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable


async def together(*works: Awaitable[object]) -> None:
    """Await all works to their end, then raise the first error among them, if there is one."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
