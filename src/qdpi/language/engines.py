"""The common parts of our DSPy engines, and an engine over plain pieces of text. Imports DSPy; import it late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import wraps
from typing import Any

import dspy
from dspy import lm15

from qdpi.errors import QdpiError

Stream = Callable[[Any, lm15.Request], AsyncIterator[Any]]


class Carried(dspy.LMError):
    """Carries an error that is not DSPy's through DSPy, which passes on errors of its own type unchanged."""

    def __init__(self, failure: Exception) -> None:
        super().__init__(str(failure) if isinstance(failure, QdpiError) else type(failure).__name__)
        self.failure = failure


def carrying(stream: Stream) -> Stream:
    """Wrap an engine's `stream` so that our errors pass through DSPy unchanged."""

    @wraps(stream)
    async def carried(self: Any, request: lm15.Request) -> AsyncIterator[Any]:
        try:
            async with aclosing(stream(self, request)) as events:  # type: ignore[type-var]
                async for event in events:
                    yield event
        except QdpiError as failure:
            raise Carried(failure) from None

    return carried


class Blocking:
    """The synchronous half of an engine, for what calls an LM without `await`: DSPy's optimisers do.

    Each call has an event loop of its own, which closes its connections.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def complete(self, request: lm15.Request) -> lm15.Response:
        """Return the whole answer. Raises on the thread of a running event loop, which it would hold up."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._complete(request))
        raise lm15.UnsupportedFeatureError("Within an event loop this model is asked with `await`: use acall.")

    async def _complete(self, request: lm15.Request) -> lm15.Response:
        try:
            return await lm15.amaterialize_response(self._engine.stream(request), request)
        finally:
            if close := getattr(self._engine, "aclose", None):
                await close()


class PieceEngine:
    """An engine over a function from a request to its text in pieces."""

    def __init__(self, pieces: Callable[[lm15.Request], AsyncIterator[str]]) -> None:
        self._pieces = pieces

    async def complete(self, request: lm15.Request) -> lm15.Response:
        """Return the whole answer."""
        return await lm15.amaterialize_response(self.stream(request), request)

    @carrying
    async def stream(self, request: lm15.Request) -> AsyncIterator[Any]:
        """Yield the answer as lm15's events."""
        yield lm15.StreamStartEvent(model=request.model)
        async with aclosing(self._pieces(request)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                yield lm15.StreamDeltaEvent(lm15.TextDelta(piece))
        yield lm15.StreamEndEvent(finish_reason="stop", usage=lm15.Usage())


def bind(name: str, engine: Any, *, max_tokens: int | None = None, temperature: float | None = None) -> dspy.LM:
    """Return a DSPy LM over `engine`: no cache, no retries (the program has its own), no history."""
    return dspy.LM(
        name,
        engine=Blocking(engine),
        async_engine=engine,
        cache=False,
        num_retries=0,
        max_tokens=max_tokens,
        temperature=temperature,
    )


def prompt_of(request: lm15.Request) -> str:
    """Return a request's system line and turns as one text."""
    return "\n\n".join([system_of(request), *(message.text or "" for message in request.messages)]).strip()


def system_of(request: lm15.Request) -> str:
    """Return the system line of a request."""
    system = request.system or ""
    return system if isinstance(system, str) else "".join(part.text for part in system)


def last_turn_of(request: lm15.Request) -> str:
    """Return the last turn of a request."""
    return request.messages[-1].text or ""
