"""A language model in the test's hands: a server whose pages go on when the test lets them."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal

from tests.support.model_server import EVENT_STREAM, ModelRequest, ModelServer, send_event
from tests.support.replies import PLAN, page_for

PLAN_ASKED: Final = "Plan the next page"
Point = Literal["plan", "first word", "second sentence"]


class Storyteller(ModelServer):
    """While it is held, a run stands at a point: its plan, its first word, or after its first sentence, until `let_go`.

    `refusals` answer the first calls in its place, as with any `ModelServer`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self._held_before: Point = "second sentence"

    def hold(self, *, before: Point = "second sentence") -> None:
        """From now on runs stand before a point. Those that stand at another one go on if they were `let_go` before."""
        self._held_before = before
        self._goes_on.clear()

    def let_go(self) -> None:
        """Let all pages go on, those that stand included."""
        self._goes_on.set()

    def forget(self) -> None:
        """Be as at first."""
        self.let_go()
        self.refusals.clear()
        self.requests.clear()

    async def _complete(self, request: ModelRequest, writer: asyncio.StreamWriter) -> None:
        if self.refusals:
            await super()._complete(request, writer)
            return
        prompt = "\n".join(str(message["content"]) for message in request.body["messages"])
        writer.write(EVENT_STREAM)
        if PLAN_ASKED in prompt:
            await self._stand("plan")
            await send_event(writer, _piece(PLAN))
        else:
            page = page_for(prompt)
            first = page.index(". ") + 2
            await self._stand("first word")
            await send_event(writer, _piece(page[:first]))
            await self._stand("second sentence")
            await send_event(writer, _piece(page[first:]))
        await send_event(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        await send_event(writer, {"choices": [], "usage": {"prompt_tokens": 21, "completion_tokens": 9}})
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()

    async def _stand(self, point: Point) -> None:
        if self._held_before == point:
            await self._goes_on.wait()


def _piece(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}}]}
