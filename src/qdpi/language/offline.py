"""The offline writer: a deterministic stand-in for when no language model is there. Labelled as such."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from qdpi.language.dspy_loader import load_dspy
from qdpi.language.offline_prose import compose
from qdpi.language.port import Capabilities

if TYPE_CHECKING:
    import dspy
    from dspy import lm15


class OfflineWriter:
    """Writes a page of about 90 to 160 words from the nouns of its prompt's last turn; cannot plan."""

    def __init__(self) -> None:
        self.name = "offline"
        self.capabilities = Capabilities(plans=False, structure=False, context_tokens=4_096, streaming=True)

    @cached_property
    def lm(self) -> dspy.LM:
        """The writer as DSPy's language model."""
        load_dspy()
        from qdpi.language.engines import PieceEngine, bind

        return bind(self.name, PieceEngine(self._pieces))

    async def _pieces(self, request: lm15.Request) -> AsyncIterator[str]:
        from qdpi.language.engines import last_turn_of, prompt_of

        for sentence in compose(prompt_of(request), last_turn_of(request)):
            yield sentence

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """There is always a place."""
        yield

    async def open(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to stop."""

    def health(self) -> str | None:
        """Always well."""
        return None

    async def check(self) -> str | None:
        """Always well."""
        return None
