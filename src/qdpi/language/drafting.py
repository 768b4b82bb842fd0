"""An engine that writes a page paragraph by paragraph: several drafts of each, of which the best is given.

A small model seldom writes well at its first attempt, and seldom badly at all of three. Its drafts begin alike, and its
server keeps what it has read, so that a further draft costs only its own words. Imports DSPy; import it late.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from dspy import lm15

from qdpi.language.drafts import PageSoFar, Step, opening_step, paragraph_step, rest_step
from qdpi.language.engines import carrying
from qdpi.language.port import Appeal, DraftLimits, Guide
from qdpi.language.servers.engine import ServerEngine


@dataclass(slots=True)
class _Spent:
    """Tokens of one page: of its prompt, which is read once, and of all drafts."""

    prompt: int | None = None
    completion: int | None = None
    cut: bool = False
    """Whether the last draft ran into its limit."""

    def take(self, end: lm15.StreamEndEvent) -> None:
        usage = end.usage or lm15.Usage()
        self.prompt = self.prompt or usage.input_tokens
        if usage.output_tokens is not None:
            self.completion = (self.completion or 0) + usage.output_tokens
        self.cut = end.finish_reason == "length"


class DraftingEngine:
    """Writes one page with a server's engine, as a guide leads it.

    `biases` are those of the guide's words, by token. While `is_crowded` says that other pages wait for the model, each
    paragraph is written once.
    """

    def __init__(
        self,
        server: ServerEngine,
        guide: Guide,
        biases: Mapping[str, float],
        limits: DraftLimits,
        is_crowded: Callable[[], bool],
    ) -> None:
        self._server, self._guide, self._biases = server, guide, dict(biases)
        self._limits, self._is_crowded = limits, is_crowded

    async def complete(self, request: lm15.Request) -> lm15.Response:
        """Return the whole page."""
        return await lm15.amaterialize_response(self.stream(request), request)

    @carrying
    async def stream(self, request: lm15.Request) -> AsyncIterator[Any]:
        """Yield the page as lm15's events, a paragraph or a word at a time. Raises ModelFailed."""
        yield lm15.StreamStartEvent(model=request.model)
        clock = asyncio.get_running_loop().time
        began, page, spent, limits = clock(), PageSoFar(), _Spent(), self._limits
        while not page.is_whole(self._guide):
            if limits.most == 1 or self._is_crowded() or clock() - began > limits.page:
                async with aclosing(self._pieces(request, page, rest_step(page, self._guide), spent)) as pieces:
                    async for piece in pieces:
                        yield lm15.StreamDeltaEvent(lm15.TextDelta(piece))
                break
            longer = await self._best(request, page, spent, began + (limits.page if page.text else limits.first_text))
            yield lm15.StreamDeltaEvent(lm15.TextDelta(longer.text[len(page.text) :]))
            page, spent.cut = longer, False
        usage = lm15.Usage(input_tokens=spent.prompt, output_tokens=spent.completion)
        yield lm15.StreamEndEvent(finish_reason="length" if spent.cut else "stop", usage=usage)

    async def _best(self, request: lm15.Request, page: PageSoFar, spent: _Spent, until: float) -> PageSoFar:
        """Return the page with the best draft of what follows; none is begun that is not likely to end by `until`."""
        clock = asyncio.get_running_loop().time
        step = paragraph_step(page, self._guide) if page.text else opening_step()
        drafts: list[tuple[Appeal, PageSoFar]] = []
        while len(drafts) < self._limits.most:
            began = clock()
            async with aclosing(self._pieces(request, page, step, spent)) as pieces:
                draft = "".join([piece async for piece in pieces])
            longer = page.plus(draft, cut=spent.cut, is_opening=not page.text)
            drafts.append((self._guide.appeal(longer.text), longer))
            if drafts[-1][0].is_enough or clock() + (clock() - began) > until or self._is_crowded():
                break
        return max(drafts, key=lambda judged: judged[0].score)[1]

    async def _pieces(self, request: lm15.Request, page: PageSoFar, step: Step, spent: _Spent) -> AsyncGenerator[str]:
        """Yield the text of one draft, and add what it took."""
        said = (lm15.Message.assistant(page.text),) if page.text else ()
        extensions = {"logit_bias": self._biases, "grammar": step.grammar, "cache_prompt": True}
        config = replace(
            request.config,
            max_tokens=step.max_tokens,
            extensions={**(request.config.extensions or {}), **extensions},
        )
        asked = replace(request, messages=(*request.messages, *said), config=config)
        async with aclosing(self._server.stream(asked)) as events:  # type: ignore[type-var]
            async for event in events:
                if event.type == "delta":
                    yield event.delta.text
                elif event.type == "end":
                    spent.take(event)
