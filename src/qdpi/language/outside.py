"""An LM that is bound from outside of a program, as `dspy.context(lm=…)` and `set_lm` do. Imports nothing of DSPy."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

from qdpi.language.port import Capabilities, Guide, LanguageModel
from qdpi.page_schema import ModelFile

if TYPE_CHECKING:
    import dspy


class OutsideModel:
    """An LM in the place of a program's own model, whose prompts it gets.

    Where there is no own model, the LM is taken for one that follows instructions. Where it is a copy of the own
    model's LM, with another temperature say, it has that one's name and slots, and is led as that one is. It is opened
    and closed by whoever bound it.
    """

    def __init__(self, lm: dspy.LM, own: LanguageModel | None) -> None:
        is_copy = own is not None and own.lm.model == lm.model
        self._own = own if is_copy else None
        self._lm = lm
        self.name = self._own.name if self._own else str(lm.model)
        self.capabilities = own.capabilities if own else Capabilities(plans=True)

    @property
    def file(self) -> ModelFile | None:
        """That of the model that it is a copy of."""
        return self._own.file if self._own else None

    @property
    def lm(self) -> dspy.LM:
        """The LM itself."""
        return self._lm

    def led_by(self, guide: Guide) -> dspy.LM:
        """Return the led LM of the model that it is a copy of, with its own parameters; any other cannot be led."""
        return self._own.led_by(guide).copy(**self._lm.kwargs) if self._own else self._lm

    def slot(self) -> AbstractAsyncContextManager[None]:
        """A slot of the model that it is a copy of; any other is always free."""
        return self._own.slot() if self._own else nullcontext()

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def health(self) -> str | None:
        """Return that of the model that it is a copy of."""
        return self._own.health() if self._own else None

    async def check(self) -> str | None:
        """Return that of the model that it is a copy of."""
        return await self._own.check() if self._own else None
