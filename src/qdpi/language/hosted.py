"""Hosted models and Ollama: OpenAI, servers with its protocol, Anthropic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from qdpi.concurrency import PerLoop
from qdpi.errors import ModelFailed
from qdpi.language.dspy_loader import load_dspy
from qdpi.language.endpoint import Endpoint
from qdpi.language.port import Capabilities

if TYPE_CHECKING:
    import dspy

    from qdpi.language.lm15 import Wire

_CHECK_SECONDS = 5.0
_CALLS_AT_ONCE = 64


class HostedModel:
    """A model at an endpoint. The server gets no request before the first call.

    `kind` is the prefix of its name. With `model` None the server's first model is used; the server is asked for
    it at the first call and again after a failure.
    """

    def __init__(self, kind: str, endpoint: Endpoint, *, model: str | None, timeout: float) -> None:
        self._kind = kind
        self._endpoint = endpoint
        self._model = model
        self._timeout = timeout
        self._slots = PerLoop(lambda: asyncio.Semaphore(_CALLS_AT_ONCE))

    def __repr__(self) -> str:
        return f"HostedModel({self.name!r} at {self._endpoint.shown})"

    @property
    def name(self) -> str:
        """`kind/NAME`, or the kind alone while the server's model is not known."""
        known = self._wire.model if "_wire" in self.__dict__ else self._model
        return f"{self._kind}/{known}" if known else self._kind

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities of the usual models of its kind."""
        return Capabilities(plans=True)

    @cached_property
    def lm(self) -> dspy.LM:
        """The model as a DSPy LM."""
        load_dspy()
        from qdpi.language.engines import bind

        return bind(self._kind, self._wire)

    @cached_property
    def _wire(self) -> Wire:
        load_dspy()
        from qdpi.language.lm15 import Wire

        return Wire(self._locate, model=self._model, timeout=self._timeout)

    async def _locate(self) -> Endpoint:
        return self._endpoint

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A slot among its 64 concurrent calls."""
        async with self._slots.get():
            yield

    async def open(self) -> None:
        """Do nothing: connections are opened by calls."""

    async def close(self) -> None:
        """Close the running loop's connections."""
        if "_wire" in self.__dict__:
            await self._wire.aclose()

    def health(self) -> str | None:
        """Return the error of the last call or check."""
        return self._wire.last_error if "_wire" in self.__dict__ else None

    async def check(self) -> str | None:
        """Request the server's list of models."""
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self._wire.list_models()
        except ModelFailed as failure:
            return failure.detail
        except TimeoutError:
            return f"{self._endpoint.shown} does not answer within {_CHECK_SECONDS:g} seconds."
        return None
