"""Models behind HTTP, called with DSPy's own lm15 (LiteLLM is never loaded). Imports DSPy; import it late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, NoReturn

from dspy import lm15

# The only way to set a read timeout, and to use no proxy for 127.0.0.1.
from dspy._vendor.lm15.transports import StdlibAsyncTransport

from qdpi.concurrency import PerLoop
from qdpi.errors import ModelFailed, ModelTimeout, ModelUnreachable
from qdpi.language.endpoint import Endpoint
from qdpi.language.engines import carrying

_CONNECT_SECONDS = 10.0
_GRACE_SECONDS = 5.0  # so that the call's own timeout ends first


class Wire:
    """An engine that calls the model at an endpoint; without a model's name it takes the server's first.

    `locate` is awaited before every call: a local server may be restarted on another port. After a call `last_error`
    is its error as a sentence, None after a success.
    """

    def __init__(
        self,
        locate: Callable[[], Awaitable[Endpoint]],
        *,
        model: str | None,
        timeout: float,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        self._locate = locate
        self._given = model
        self._found: str | None = None
        self._timeout = timeout
        self._extensions = dict(extensions or {})
        self._providers: PerLoop[dict[Endpoint, Any]] = PerLoop(dict)
        self.last_error: str | None = None

    @property
    def model(self) -> str | None:
        """The model's name at its server; None until it is known."""
        return self._given or self._found

    async def complete(self, request: lm15.Request) -> lm15.Response:
        """Return the whole answer."""
        return await lm15.amaterialize_response(self.stream(request), request)

    @carrying
    async def stream(self, request: lm15.Request) -> AsyncIterator[Any]:
        """Yield the answer as lm15's events. Raises ModelUnreachable or ModelTimeout."""
        endpoint = await self._locate()
        clock = asyncio.get_running_loop().time
        failure: Exception
        received = clock()
        try:
            async with aclosing(self._events(endpoint, request)) as events:
                async for event in events:
                    yield event
                    received = clock()
        except asyncio.CancelledError:
            self._note_cancelled(endpoint, clock() - received)
            raise
        except Exception as error:  # an unexpected answer may raise any error in lm15
            failure = error
        else:
            self.last_error = None
            return
        self._fail(endpoint, failure)

    async def list_models(self) -> None:
        """Request the server's models, without a completion. Raises as `stream` does."""
        endpoint = await self._locate()
        failure: Exception
        try:
            await self._first_model(self._provider(endpoint), endpoint)
        except Exception as error:
            failure = error
        else:
            self.last_error = None
            return
        self._fail(endpoint, failure)

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        for provider in (self._providers.pop() or {}).values():
            await provider.aclose()

    async def _events(self, endpoint: Endpoint, request: lm15.Request) -> AsyncGenerator[Any, None]:
        provider = self._provider(endpoint)
        if self.model is None:
            self._found = await self._first_model(provider, endpoint)
        config = replace(request.config, extensions={**(request.config.extensions or {}), **self._extensions})
        routed = replace(request, model=self.model, config=config)
        async with aclosing(provider.stream(routed)) as events:
            async for event in events:
                if event.type == "error":
                    raise lm15.ProviderError(event.error.message)
                yield event

    async def _first_model(self, provider: Any, endpoint: Endpoint) -> str:
        """Return the name of the server's first model that is not for embeddings."""
        names = [str(model.id) for model in await provider.list_models()]
        able = (name for name in names if "embed" not in name.lower())
        if (name := next(able, None)) is None:
            raise lm15.UnsupportedModelError(f"the server has no model that writes; it names {names or 'none'}")
        return name

    def _provider(self, endpoint: Endpoint) -> Any:
        known = self._providers.get()
        if endpoint not in known:
            known[endpoint] = _provider(endpoint, self._timeout)
        return known[endpoint]

    def _note_cancelled(self, endpoint: Endpoint, silence: float) -> None:
        """Keep a cancelled call as an error where the server was silent for most of its timeout.

        Otherwise a reader stopped it, which is not an error.
        """
        if silence > self._timeout / 2:
            self.last_error = f"{endpoint.shown} was silent for {silence:.1f} s, and the call was cancelled."

    def _fail(self, endpoint: Endpoint, error: Exception) -> NoReturn:
        self._found = None  # the server may be restarted with another model
        # Further lines of the message are lm15's advice to programmers.
        cause = endpoint.scrub(str(error).strip().partition("\n")[0] or type(error).__name__)
        self.last_error = f"The call to {endpoint.shown} failed: {cause}"
        kind: type[ModelFailed] = ModelTimeout if isinstance(error, lm15.TimeoutError) else ModelUnreachable
        raise kind(self.last_error)


def _provider(endpoint: Endpoint, timeout: float) -> Any:
    transport = StdlibAsyncTransport(
        connect_timeout=min(_CONNECT_SECONDS, timeout),
        read_timeout=timeout + _GRACE_SECONDS,
        write_timeout=timeout + _GRACE_SECONDS,
        trust_env=not endpoint.is_loopback,
    )
    if endpoint.dialect == "anthropic":
        where = {"base_url": endpoint.base_url} if endpoint.base_url else {}
        return lm15.AsyncAnthropicLM(api_key=endpoint.api_key, transport=transport, **where)
    where = {"base_url": endpoint.base_url} if endpoint.base_url else {}
    return lm15.AsyncOpenAIChatLM(
        api_key=endpoint.api_key or "none", transport=transport, compat=endpoint.dialect, **where
    )
