"""One call of a language model: streamed, with a timeout, its failures translated to our errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import dspy

from qdpi.errors import ModelEmpty, ModelTimeout, ModelTooLong, ModelUnreachable
from qdpi.language.answer import Habits, ProseStream
from qdpi.language.engines import Carried
from qdpi.language.port import Guide, LanguageModel, Usage
from qdpi.language.prose import ProseAdapter

MOST_CHARACTERS: Final = 100_000
"""The most characters of an answer: in any script and escaping its event fits the topic's 1 MiB."""
_QUOTED: Final = 500
"""The most characters that an error quotes from a model's server."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer."""

    text: str
    usage: Usage
    finish_reason: str | None
    """`stop` for a complete answer, `length` for one cut off at the token limit; None where the model reports none."""


async def complete(
    model: LanguageModel,
    predict: Any,
    inputs: Mapping[str, Any],
    *,
    on_text: Callable[[str], Awaitable[None]] | None,
    timeout: float,
    habits: Habits | None = None,
    guide: Guide | None = None,
    trace: list[Any] | None = None,
) -> Completion:
    """Call `model` with `predict` (a `dspy.Predict` with one output field) and return its answer in prose.

    `on_text` is awaited with each piece, in order, before the next is read; joined they are the completion's text.
    `timeout` is that of the whole call, in seconds, from the moment it has a slot. `habits` says how much of the
    answer is held back until it is certain to be prose, and learns from the answer. `guide` leads a model that can be
    led. `trace` is a list in which DSPy's optimisers collect calls.

    Raises ModelFailed, as one of its kinds, and the errors of `on_text` unchanged. A cancelled call closes its
    connection.
    """
    failure: Exception
    async with model.slot():
        deadline = asyncio.timeout(timeout)
        try:
            async with deadline:
                lm = model.lm if guide is None else model.led_by(guide)
                return await _answer(model, lm, predict, inputs, on_text, habits or Habits(), trace)
        except TimeoutError:
            if not deadline.expired():
                raise
            failure = ModelTimeout(f"{model.name} did not finish within {timeout:g} seconds.")
        except dspy.DSPyError as error:
            failure = _translated(error, model.name)
    # Raised outside the handlers: a chained driver error may quote an API key.
    raise failure


async def _answer(
    model: LanguageModel,
    lm: dspy.LM,
    predict: Any,
    inputs: Mapping[str, Any],
    on_text: Callable[[str], Awaitable[None]] | None,
    habits: Habits,
    trace: list[Any] | None,
) -> Completion:
    sink = _Sink(model.name, on_text, habits.stream_of(model, is_shown=on_text is not None))
    # DSPy's own `streamify` does not close its stream when the consumer leaves early, and runs it in a task
    # group. The setting underneath, `send_stream`, sends each chunk from the engine's own loop.
    bound = dspy.context(lm=lm, adapter=ProseAdapter(), send_stream=sink, disable_history=True, trace=trace)
    with bound, dspy.track_usage() as spent:
        prediction = await predict.acall(**inputs)
    if not sink.has_streamed:
        await sink.take_whole(prediction)
    await sink.finish()
    if not sink.pieces:
        raise ModelEmpty(sink.emptiness)
    return Completion("".join(sink.pieces), _usage(spent.get_total_tokens()), sink.finish_reason)


class _Sink:
    """Receives DSPy's chunks and passes on their prose; the engine waits meanwhile."""

    def __init__(self, name: str, on_text: Callable[[str], Awaitable[None]] | None, prose: ProseStream) -> None:
        self._name, self._on_text, self._prose = name, on_text, prose
        self._characters = 0
        self.has_streamed = False
        self.pieces: list[str] = []
        self.finish_reason: str | None = None

    async def send(self, chunk: Any) -> None:
        choice, self.has_streamed = chunk.choices[0], True
        self.finish_reason = choice.finish_reason or self.finish_reason
        try:
            await self._give(self._prose.feed(self._counted(choice.delta.content or "")))
        except Exception as error:
            raise Carried(error) from error

    async def take_whole(self, prediction: dspy.Prediction) -> None:
        """Take an answer that did not come in pieces, as those of DSPy's cache and of other LMs."""
        await self._give(self._prose.feed(self._counted("".join(map(str, prediction.values())))))

    async def finish(self) -> None:
        await self._give(self._prose.finish(cut_off=self.finish_reason == "length"))

    @property
    def emptiness(self) -> str:
        """Why there is no prose, as a sentence."""
        if self._prose.has_thought:
            return f"{self._name} answered with its reasoning only, without any prose."
        return f"{self._name} answered without any prose."

    def _counted(self, content: str) -> str:
        self._characters += len(content)
        if self._characters > MOST_CHARACTERS:
            raise ModelTooLong(f"{self._name} wrote more than {MOST_CHARACTERS:,} characters.")
        return content

    async def _give(self, piece: str) -> None:
        if piece:
            self.pieces.append(piece)
            if self._on_text is not None:
                await self._on_text(piece)


def _usage(by_model: Mapping[str, Mapping[str, Any]]) -> Usage:
    counted = next(iter(by_model.values()), {})
    return Usage(counted.get("prompt_tokens"), counted.get("completion_tokens"))


def _translated(error: Exception, name: str) -> Exception:
    if isinstance(error, Carried):
        return error.failure
    if isinstance(error, dspy.AdapterParseError):
        return ModelEmpty(f"{name} answered without any prose.")
    if isinstance(error, dspy.LMTimeoutError):
        return ModelTimeout(f"{name} took too long: {error!s:.{_QUOTED}}")
    return ModelUnreachable(f"{name} failed: {error!s:.{_QUOTED}}")
