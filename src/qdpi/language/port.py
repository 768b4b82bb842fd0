"""The port of a language model: what the program requires of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from qdpi.page_schema import ModelFile

if TYPE_CHECKING:
    import dspy


PROMPT_TOKENS: Final = 4_000
"""The most tokens of a prompt: models with a shorter context are rare, and no longer prompt writes a better page."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do; the program chooses its prompts by it."""

    plans: bool
    """Follows instructions well enough to plan a page; a model without it only continues prose."""
    thinks: bool = True
    """May reason in its answers, so that the beginning of each is held back (`qdpi.language.answer`)."""
    is_led: bool = False
    """Can be led by a guide (`LanguageModel.led_by`)."""
    prompt_tokens: int = PROMPT_TOKENS
    """The most tokens of a prompt that it is given."""
    draws: bool = True
    """Draws its words at random, so that the same prompt may give another page."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What a model's calls are held to; None leaves it to the model.

    `max_tokens` is the most tokens of an answer, its reasoning included, `prompt_tokens` the most of a prompt.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    prompt_tokens: int = PROMPT_TOKENS


NO_LIMITS: Final = CallLimits()


@dataclass(frozen=True, slots=True)
class DraftLimits:
    """How often each paragraph of a page may be written, of which the best is taken: at most `most` times.

    The first words are shown within `first_text` seconds, whatever is left to try, and after `page` seconds each
    paragraph is written once. Both count from the beginning of the call.
    """

    most: int = 3
    first_text: float = 4.0
    page: float = 16.0


class Appeal(NamedTuple):
    """How good a page's text so far is, and whether it is good enough that no other draft is tried."""

    score: float
    is_enough: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """How a model that only continues prose is led through a page.

    `words` are made likelier, or less likely, by their log-odds; they are in lower case, with marks and ends of
    paragraphs among them. A page has about `page_words` words, its paragraphs about `paragraph_words`. `appeal` judges
    the page so far, with the draft of its next paragraph.
    """

    words: Mapping[str, float]
    paragraph_words: int
    page_words: int
    appeal: Callable[[str], Appeal]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call as counted by the model; None where it reports none."""

    prompt_tokens: int | None
    completion_tokens: int | None


class LanguageModel(Protocol):
    """A model behind DSPy. Call it with `qdpi.language.completion.complete`."""

    @property
    def name(self) -> str:
        """The name on pages and receipts, e.g. `offline`, `local/smollm2-135m-instruct`, `openai/NAME`.

        Where the server is asked for its model, the name is only the kind (`ollama_chat`) until it has answered.
        """

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    @property
    def file(self) -> ModelFile | None:
        """The file that it runs from, once it has written; None where it runs elsewhere or from none."""

    @property
    def lm(self) -> dspy.LM:
        """The model as a DSPy LM, bound with `dspy.context(lm=...)`. The first access imports DSPy."""

    def led_by(self, guide: Guide) -> dspy.LM:
        """Return the model as a DSPy LM for one page that is led by a guide; the same as `lm` where it cannot be."""

    def slot(self) -> AbstractAsyncContextManager[None]:
        """A slot among its concurrent calls. Further calls queue here, before their timeout begins."""

    async def open(self) -> None:
        """Start its resources without waiting for them. Idempotent."""

    async def close(self) -> None:
        """Stop its resources and close its connections; it can be opened again."""

    def health(self) -> str | None:
        """Return the error of the last call or check as a sentence, None after a success."""

    async def check(self) -> str | None:
        """Check that it writes, with a call of one token. Returns None, or the error as a sentence."""
