"""Hosted models and Ollama: OpenAI, servers with its protocol, Anthropic."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Final

from qdpi.concurrency import PerLoop
from qdpi.errors import ModelFailed
from qdpi.language.dspy_loader import load_dspy
from qdpi.language.endpoint import Endpoint
from qdpi.language.port import NO_LIMITS, CallLimits, Capabilities, Guide
from qdpi.retry import Backoff

if TYPE_CHECKING:
    import dspy

    from qdpi.language.servers.engine import ServerEngine

_CHECK_SECONDS = 30.0
_RECHECKS = Backoff(first=5.0, most=60.0)
_CALLS_AT_ONCE = 64
_FOLDERS: Final = re.compile(r"^(?:[A-Za-z]:|\.{1,2}|~)?[/\\].*[/\\]")
"""The folders of a model whose server names it by the path of its file, as llama.cpp's does."""
LONGEST_WAIT = 90.0
"""How long a press waits for a busy server, in seconds: longer than most models take to load."""


class HostedModel:
    """A model at an endpoint. The server gets no request before `open` or the first call.

    `kind` is the prefix of its name. With `model` None the server's first model is used; the server is asked for
    it at the first call and again after a failure. `wait` is the most seconds that a busy server may keep calls away.
    """

    def __init__(
        self,
        kind: str,
        endpoint: Endpoint,
        *,
        model: str | None,
        timeout: float,
        wait: float = LONGEST_WAIT,
        limits: CallLimits = NO_LIMITS,
    ) -> None:
        self._kind = kind
        self._endpoint = endpoint
        self._model = model
        self._timeout, self._wait, self._limits = timeout, wait, limits
        self._slots = PerLoop(lambda: asyncio.Semaphore(_CALLS_AT_ONCE))
        self._first_check: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"HostedModel({self.name!r} at {self._endpoint.shown})"

    @property
    def name(self) -> str:
        """`kind/NAME`, or the kind alone while the server's model is not known."""
        known = self._engine.model if "_engine" in self.__dict__ else self._model
        return f"{self._kind}/{_FOLDERS.sub('', known)}" if known else self._kind

    @property
    def file(self) -> None:
        """None: its server has it."""

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities of the usual models of its kind."""
        return Capabilities(plans=True, prompt_tokens=self._limits.prompt_tokens)

    @cached_property
    def lm(self) -> dspy.LM:
        """The model as a DSPy LM."""
        load_dspy()
        from qdpi.language.engines import bind

        limits = self._limits
        return bind(self._kind, self._engine, max_tokens=limits.max_tokens, temperature=limits.temperature)

    @cached_property
    def _engine(self) -> ServerEngine:
        load_dspy()
        from qdpi.language.servers.engine import ServerEngine

        return ServerEngine(self._locate, model=self._model, timeout=self._timeout, longest_pause=self._wait)

    async def _locate(self) -> Endpoint:
        return self._endpoint

    def led_by(self, guide: Guide) -> dspy.LM:
        """The same LM: it is led by its prompt."""
        return self.lm

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A slot among its 64 concurrent calls."""
        async with self._slots.get():
            yield

    async def open(self) -> None:
        """Check the model in the background, until it writes or a press calls it, so that `health` is known early."""
        if self._first_check is None:
            self._first_check = asyncio.get_running_loop().create_task(self._check_until_known())

    async def close(self) -> None:
        """Close the running loop's connections."""
        if self._first_check is not None:
            self._first_check.cancel()
            await asyncio.gather(self._first_check, return_exceptions=True)
            self._first_check = None
        if "_engine" in self.__dict__:
            await self._engine.aclose()

    async def _check_until_known(self) -> None:
        await asyncio.to_thread(load_dspy)  # half a second
        attempts = 0
        while not self._engine.called and await self.check() is not None:
            attempts += 1
            await _RECHECKS.wait(attempts)

    def health(self) -> str | None:
        """Return the error of the last call or check."""
        return self._engine.last_error if "_engine" in self.__dict__ else None

    async def check(self) -> str | None:
        """Ask the model for one token; a server may load it first."""
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self._engine.probe()
        except ModelFailed as failure:
            return failure.detail
        except TimeoutError:
            return f"{self._endpoint.shown} wrote no token within {_CHECK_SECONDS:g} seconds."
        return None
