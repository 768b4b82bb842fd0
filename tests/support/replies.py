"""Replies for scripted models: pages that pass the checks, plans, and a text that fails them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from tests.support.scripted import Reply, ScriptedModel

from qdpi.language.offline import compose
from qdpi.language.port import Capabilities

PLAN = "The keeper counts the lamps.\nA door is found open.\nSomeone has written on the wall."
DEGENERATE = "the lamp " * 120
ONLY_CONTINUES = Capabilities(plans=False, thinks=False)


def page_for(prompt: str) -> str:
    """Return a page that passes the checks, derived from the prompt."""
    return "".join(compose(prompt, prompt))


def is_plan(prompt: str) -> bool:
    """Return whether a prompt asks for a plan."""
    return prompt.startswith("A. Plan the next page")


def obliging(prompt: str) -> str:
    """Return a plan if the prompt asks for one, else a page."""
    return PLAN if is_plan(prompt) else page_for(prompt)


def writer(replies: Callable[[str], Reply] = obliging) -> ScriptedModel:
    """Return a model that can plan; by default it replies with `obliging`."""
    return ScriptedModel(replies)


def continuer(replies: Callable[[str], Reply] = page_for) -> ScriptedModel:
    """Return a model that only continues prose."""
    return ScriptedModel(replies, capabilities=ONLY_CONTINUES)


class Held:
    """A reply that pauses after its first sentence until `let_go` is set.

    `begun` is set once the first sentence was sent; `text` is that sentence.
    """

    def __init__(self) -> None:
        self.begun, self.let_go = asyncio.Event(), asyncio.Event()
        self.text = ""

    def __call__(self, prompt: str) -> AsyncIterator[str]:
        """Return the pieces of the reply to a prompt."""
        return self._pieces(page_for(prompt))

    async def _pieces(self, page: str) -> AsyncIterator[str]:
        end = page.index(". ") + 1
        self.text = page[:end]
        yield page[:end]
        self.begun.set()
        await self.let_go.wait()
        yield page[end:]


async def breaking_off(page: str, error: Exception) -> AsyncIterator[str]:
    """Yield half a page, then raise `error`."""
    yield page[: len(page) // 2]
    raise error
