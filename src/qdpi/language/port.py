"""What the program asks of a language model, whichever it is."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import dspy


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do; the program asks before it asks for anything."""

    plans: bool
    """Follows instructions well enough to plan a page."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call as the model counted them; None where it does not say."""

    prompt_tokens: int | None
    completion_tokens: int | None


class LanguageModel(Protocol):
    """A model reached through DSPy. Ask it with `qdpi.language.completion.complete`."""

    @property
    def name(self) -> str:
        """For pages and receipts, e.g. `offline`, `local/smollm2-135m-instruct`, `openai/NAME`.

        A model that is found by asking its server bears only its kind (`ollama_chat`) until the first
        answer.
        """

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    @property
    def lm(self) -> dspy.LM:
        """The model as DSPy's, bound with `dspy.context(lm=...)`; imports DSPy when first read."""

    def slot(self) -> AbstractAsyncContextManager[None]:
        """A place among the calls it takes at once; the others queue here, their clock not yet running."""

    async def open(self) -> None:
        """Start what it needs, without waiting for it; opening twice is opening once."""

    async def close(self) -> None:
        """Stop what it started and close its connections; it can be opened again."""

    def health(self) -> str | None:
        """None when the last that was heard of it was well, else a sentence."""

    async def check(self) -> str | None:
        """Ask it now, within seconds and without having it write: None when well, else a sentence."""
