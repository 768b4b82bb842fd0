"""A scripted model that reports token usage and a finish reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import cached_property
from typing import Any

import dspy
from dspy import lm15
from tests.support.scripted import Reply, ScriptedModel

from qdpi.language.engines import PieceEngine, bind


class MeasuredModel(ScriptedModel):
    """A `ScriptedModel` whose stream ends with usage and a finish reason, as a hosted model's does."""

    def __init__(
        self,
        replies: Callable[[str], Reply],
        *,
        finish_reason: str = "stop",
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
    ) -> None:
        super().__init__(replies, name="measured")
        usage = lm15.Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
        self._end = lm15.StreamEndEvent(finish_reason=finish_reason, usage=usage)

    @cached_property
    def lm(self) -> dspy.LM:
        return bind(self.name, _Ending(self._pieces, self._end))


class _Ending(PieceEngine):
    def __init__(self, pieces: Callable[[lm15.Request], AsyncIterator[str]], end: Any) -> None:
        super().__init__(pieces)
        self._end = end

    async def stream(self, request: lm15.Request) -> AsyncIterator[Any]:
        async for event in super().stream(request):
            yield self._end if event.type == "end" else event
