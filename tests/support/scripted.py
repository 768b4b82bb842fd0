"""A scripted model whose answers are a function of the prompt."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from qdpi.language.dspy_loader import load_dspy
from qdpi.language.port import Capabilities, Guide
from qdpi.page_schema import ModelFile

if TYPE_CHECKING:
    import dspy
    from dspy import lm15

Reply = str | Exception | AsyncIterator[str]
_ABLE = Capabilities(plans=True, thinks=False)


class ScriptedModel:
    """Answers every prompt with `replies(prompt)`, through the same engine contract as a real model.

    The prompt is the system line and all turns, joined by blank lines. A string is streamed word by word;
    an exception is raised before any text; an async iterator gives its own pieces, and may wait for a
    test's event between them or raise in mid-sentence. `prompts` keeps what was asked, oldest first.
    """

    def __init__(
        self,
        replies: Callable[[str], Reply],
        *,
        name: str = "scripted",
        capabilities: Capabilities = _ABLE,
        health: str | None = None,
    ) -> None:
        self._replies = replies
        self._health = health
        self.name = name
        self.file: ModelFile | None = None
        self.capabilities = capabilities
        self.prompts: list[str] = []
        self.is_open = False

    @cached_property
    def lm(self) -> dspy.LM:
        """The model as a DSPy LM."""
        load_dspy()
        from qdpi.language.engines import PieceEngine, bind

        return bind(self.name, PieceEngine(self._pieces))

    async def _pieces(self, request: lm15.Request) -> AsyncIterator[str]:
        from qdpi.language.engines import prompt_of

        prompt = prompt_of(request)
        self.prompts.append(prompt)
        reply = self._replies(prompt)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, str):
            for piece in re.findall(r"\s*\S+\s*", reply):
                yield piece
            return
        try:
            async for piece in reply:
                yield piece
        finally:
            if close := getattr(reply, "aclose", None):
                await close()

    def led_by(self, guide: Guide) -> dspy.LM:
        """The same LM: it is led by its prompt."""
        return self.lm

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Always free."""
        yield

    async def open(self) -> None:
        """Record the call."""
        self.is_open = True

    async def close(self) -> None:
        """Record the call."""
        self.is_open = False

    def health(self) -> str | None:
        """Return the health that the test set."""
        return self._health

    async def check(self) -> str | None:
        """Return the health that the test set."""
        return self._health
