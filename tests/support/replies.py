"""Replies of scripted models: pages that pass the checks, plans, and texts that fail them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from tests.support.scripted import Reply, ScriptedModel

from qdpi.language.offline import compose
from qdpi.language.port import Capabilities

PLAN = "The keeper counts the lamps.\nA door is found open.\nSomeone has written on the wall."
DEGENERATE = "the lamp " * 120
ONLY_CONTINUES = Capabilities(plans=False)


def page_for(prompt: str) -> str:
    """Return a page that passes the checks, a function of the prompt."""
    return "".join(compose(prompt, prompt))


def is_plan(prompt: str) -> bool:
    """Tell whether a prompt asks for a plan."""
    return prompt.startswith("A. Plan the next page")


def obliging(prompt: str) -> str:
    """Plan where a plan is asked for, else write a page."""
    return PLAN if is_plan(prompt) else page_for(prompt)


def writer(replies: Callable[[str], Reply] = obliging) -> ScriptedModel:
    """Return a capable model, obliging by default."""
    return ScriptedModel(replies)


def continuer(replies: Callable[[str], Reply] = page_for) -> ScriptedModel:
    """Return a model that only continues prose."""
    return ScriptedModel(replies, capabilities=ONLY_CONTINUES)


class Held:
    """A page that is written up to its first sentence, and then waits to be released.

    `begun` is set when the first sentence is out; `text` is that sentence.
    """

    def __init__(self) -> None:
        self.begun, self.let_go = asyncio.Event(), asyncio.Event()
        self.text = ""

    def __call__(self, prompt: str) -> AsyncIterator[str]:
        """Reply to a prompt, held after the first sentence."""
        return self._pieces(page_for(prompt))

    async def _pieces(self, page: str) -> AsyncIterator[str]:
        end = page.index(". ") + 1
        self.text = page[:end]
        yield page[:end]
        self.begun.set()
        await self.let_go.wait()
        yield page[end:]


async def breaking_off(page: str, error: Exception) -> AsyncIterator[str]:
    """Write half a page, then fail."""
    yield page[: len(page) // 2]
    raise error
