"""Models behind HTTP, spoken to by DSPy's own lm15 (LiteLLM is never loaded). Imports DSPy; import it late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, NoReturn

from dspy import lm15

# The only door to a connection with a read timeout of our own and without a proxy to 127.0.0.1.
from dspy._vendor.lm15.transports import StdlibAsyncTransport

from qdpi.concurrency import PerLoop
from qdpi.errors import ModelFailed, ModelTimeout, ModelUnreachable
from qdpi.language.endpoint import Endpoint
from qdpi.language.engines import carrying

_CONNECT_SECONDS = 10.0
_GRACE_SECONDS = 5.0  # the call's own deadline comes first


class Wire:
    """An engine that asks the model at an endpoint; finds the model's name when none is given.

    The endpoint is asked for before every call, for a local server may come back on another port. After
    a call `trouble` says what went wrong with it, None when nothing did.
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
        self.trouble: str | None = None

    @property
    def model(self) -> str | None:
        """The model's name at its server; None until it is known."""
        return self._given or self._found

    async def complete(self, request: lm15.Request) -> lm15.Response:
        """The whole answer."""
        return await lm15.amaterialize_response(self.stream(request), request)

    @carrying
    async def stream(self, request: lm15.Request) -> AsyncIterator[Any]:
        """The answer as lm15's events. Raises ModelUnreachable or ModelTimeout."""
        endpoint = await self._locate()
        clock = asyncio.get_running_loop().time
        failure: Exception
        heard = clock()
        try:
            async with aclosing(self._events(endpoint, request)) as events:
                async for event in events:
                    yield event
                    heard = clock()
        except asyncio.CancelledError:
            self._given_up(endpoint, clock() - heard)
            raise
        except Exception as error:  # whatever a server's odd answer makes of lm15
            failure = error
        else:
            self.trouble = None
            return
        self._fail(endpoint, failure)

    async def look(self) -> None:
        """Ask the server for its models, which has nobody write. Raises as `stream` does."""
        endpoint = await self._locate()
        failure: Exception
        try:
            await self._first_model(self._provider(endpoint), endpoint)
        except Exception as error:
            failure = error
        else:
            self.trouble = None
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
        """The first of the server's models that can write."""
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

    def _given_up(self, endpoint: Endpoint, silence: float) -> None:
        """Note a server that was silent for most of a call's time; a reader who stops a call is no trouble."""
        if silence > self._timeout / 2:
            self.trouble = f"{endpoint.shown} was silent for {silence:.1f} s, and the call was given up."

    def _fail(self, endpoint: Endpoint, error: Exception) -> NoReturn:
        self._found = None  # a server may come back with another model
        # The advice that lm15 adds on further lines is for who programs with it.
        cause = endpoint.scrub(str(error).strip().partition("\n")[0] or type(error).__name__)
        self.trouble = f"{endpoint.shown} does not write: {cause}"
        kind: type[ModelFailed] = ModelTimeout if isinstance(error, lm15.TimeoutError) else ModelUnreachable
        raise kind(self.trouble)


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
