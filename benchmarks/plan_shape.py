"""The design that the specification sketches, with the fewest changes that make it run.

A producer for each request, consumers that handle one message at a time and flush after each record, and five
blocking model calls in sequence through DSPy. The model is the same as in our measurement: the offline writer, or the
slow model at SLOW_MODEL. It writes the same pages and edges as the floor.
`python -m benchmarks.plan_shape PORT`, with KAFKA_BROKERS, CASSANDRA_HOSTS and CASSANDRA_KEYSPACE set.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import dspy
import httpx
from confluent_kafka import Producer
from dspy import lm15
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from benchmarks.floor import BROKERS, Floor, main
from benchmarks.slow_model import NAME
from qdpi.language.engines import last_turn_of, prompt_of
from qdpi.language.offline import compose
from qdpi.language.prose import ProseAdapter

STEPS = ("read", "index", "ask", "receive", "index")


class BlockingWriter:
    """The offline writer as a synchronous DSPy engine."""

    def stream(self, request: lm15.Request) -> Iterator[Any]:
        yield lm15.StreamStartEvent(model=request.model)
        for piece in compose(prompt_of(request), last_turn_of(request)):
            yield lm15.StreamDeltaEvent(lm15.TextDelta(piece))
        yield lm15.StreamEndEvent(finish_reason="stop", usage=lm15.Usage())

    def complete(self, request: lm15.Request) -> lm15.Response:
        return lm15.materialize_response(self.stream(request), request)


class SlowModel(BlockingWriter):
    """The slow model at an address, called over blocking HTTP."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=120)

    def stream(self, request: lm15.Request) -> Iterator[Any]:
        prompt = {"model": NAME, "messages": [{"role": "user", "content": prompt_of(request)}]}
        self._client.post("/v1/chat/completions", json=prompt).raise_for_status()
        yield from super().stream(request)


class PlanShape(Floor):
    """The floor's hops as the specification has them."""

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        slow = os.environ.get("SLOW_MODEL")
        engine = SlowModel(slow) if slow else BlockingWriter()
        lm = dspy.LM("offline", engine=engine, cache=False, num_retries=0)
        dspy.configure(lm=lm, adapter=ProseAdapter())
        self.steps = [dspy.Predict(dspy.Signature("given -> answer", f"Do the step {name}.")) for name in STEPS]

    async def press(self, request: Request) -> Response:
        """Publish with a new producer."""
        press = {**await request.json(), "event_id": str(uuid.uuid4())}
        producer = Producer(BROKERS)
        producer.produce("floor.symbol", json.dumps(press).encode(), press["session_id"].encode())
        await asyncio.to_thread(producer.flush)
        return JSONResponse({"ok": True, "event_id": press["event_id"]})

    def publish(self, topic: str, key: str, value: dict[str, Any], on_delivery: Any) -> None:
        """Publish and flush, which delays the next message."""
        super().publish(topic, key, value, on_delivery)
        self.producer.flush()

    def write(self, request: dict[str, Any]) -> None:
        """Call the model five times, then write."""
        text = "A lamp is carried over the river."
        for step in self.steps:
            text = step(given=text).answer
        super().write({**request, "text": text})


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), PlanShape))
