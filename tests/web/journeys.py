"""Journeys for tests of the page: written by a real server, and made up as columns of a tree."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any, Final

from playwright.async_api import APIRequestContext, BrowserContext
from tests.web.browser import PATIENCE

API: Final = "/api/v1"
KEEP_SESSION: Final = "if (location.protocol === 'http:') localStorage.setItem('qdpi.session', %r)"


async def begin(context: BrowserContext, session: str | None = None) -> str:
    """Begin a session, or take one to this context, and let its pages keep it."""
    if session is None:
        answer = await context.request.post(f"{API}/session", data={})
        session = str((await answer.json())["session_id"])
    await context.add_init_script(KEEP_SESSION % session)
    return session


async def press(request: APIRequestContext, session: str, code: int, page_id: str | None = None) -> str:
    """Press a symbol, wait for its page, and return the page's id."""
    head = (await tree(request, session))["head"]
    body = {"session_id": session, "symbol_code": code} | ({"page_id": page_id} if page_id else {})
    answer = await request.post(f"{API}/event/ui/symbol", data=body)
    assert answer.ok, await answer.text()
    async with asyncio.timeout(PATIENCE / 1000):
        return await _page_after(request, session, head)


async def _page_after(request: APIRequestContext, session: str, head: int) -> str:
    while True:
        now = await tree(request, session)
        if now["head"] > head:
            return str(now["page_id"][-1])
        await asyncio.sleep(0.02)


async def tree(request: APIRequestContext, session: str) -> dict[str, Any]:
    """Return a journey's tree by columns."""
    answer = await request.get(f"{API}/journey/{session}/tree")
    columns: dict[str, Any] = await answer.json()
    return columns


async def ring_of(request: APIRequestContext) -> list[str]:
    """Return the ids of the book's pages in the order of the ring."""
    answer = await request.get(f"{API}/canon")
    return [page["page_id"] for page in (await answer.json())["ring"]]


def columns_of(count: int, ring: Sequence[str], seed: int = 5) -> dict[str, Any]:
    """Make up a journey of `count` pages: many at a few pages of the book, some on pages before, some elsewhere."""
    chance = random.Random(seed)
    favourites = [chance.choice(ring) for _ in range(64)]
    rows = [_row(seq, chance, favourites, ring) for seq in range(1, count + 1)]
    names = ("seq", "ts", "page_id", "locus", "symbol", "trajectory", "branch", "status", "title", "error")
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return {"session_id": "made-up", "head": count, "after": 0, "next_after": None, **columns}


def _row(seq: int, chance: random.Random, favourites: Sequence[str], ring: Sequence[str]) -> tuple[Any, ...]:
    locus: str | int = chance.choice((chance.choice(favourites), chance.choice(ring)))
    if seq > 30 and chance.random() < 0.35:
        locus = seq - chance.randrange(1, 30)
    trajectory = chance.choice(("T0", "T0", "T1", "T2", "T3"))
    branch = seq if trajectory in {"T2", "T3"} else None
    page_id = f"00000000-0000-4000-8000-{seq:012d}"
    symbol = chance.randrange(256)
    return seq, 1_790_000_000 + seq, page_id, locus, symbol, trajectory, branch, "complete", f"Page {seq}", None
