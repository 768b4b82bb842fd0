"""A model server with OpenAI's protocol that answers after a fixed delay.

`python -m benchmarks.slow_model PORT SECONDS`; `GET /calls` returns the number of calls. A prompt that contains
`PATIENT` takes 60 seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from benchmarks.harness import free_port, process, wait_for_answer

NAME = "slow"
PATIENT, PATIENT_SECONDS = "take a whole minute", 60.0
PAGE = " ".join(
    f"The lamp on the {n}th stair was lit, and whoever had lit it was already further up, counting under her breath."
    for n in range(4, 12)
)


@contextmanager
def slow_model(seconds: float) -> Iterator[str]:
    """Run the server for the duration of a block; yield its address."""
    port = free_port()
    with process("benchmarks.slow_model", str(port), str(seconds), environment={}):
        url = f"http://127.0.0.1:{port}"
        wait_for_answer(url, "/v1/models")
        yield url


def settings_for(url: str) -> dict[str, str]:
    """Return the settings with which qdpi uses the server."""
    return {"QDPI_MODEL": f"openai/{NAME}", "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "none"}


def app(seconds: float) -> Starlette:
    """Return the server."""
    called = 0

    async def models(request: Request) -> JSONResponse:
        return JSONResponse({"object": "list", "data": [{"id": NAME, "object": "model"}]})

    async def calls(request: Request) -> JSONResponse:
        return JSONResponse(called)

    async def chat(request: Request) -> StreamingResponse:
        nonlocal called
        called += 1
        asked = json.dumps(await request.json())
        return StreamingResponse(
            _pieces(PATIENT_SECONDS if PATIENT in asked else seconds), media_type="text/event-stream"
        )

    return Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/calls", calls),
        ]
    )


async def _pieces(seconds: float) -> AsyncIterator[str]:
    await asyncio.sleep(seconds)
    yield _event({"choices": [{"index": 0, "delta": {"content": PAGE}}]})
    yield _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield _event({"choices": [], "usage": {"prompt_tokens": 300, "completion_tokens": 200}})
    yield "data: [DONE]\n\n"


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"


if __name__ == "__main__":
    uvicorn.run(app(float(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
