"""The raw floor, a lower bound for press to done: the hops and writes of a press with bare clients, no program.

POST → topic → consumer → topic → consumer, which inserts a page and an edge → topic → consumer → SSE. A producer and
three consumers on threads of one process; no checks, retries, ordering or recovery.
`python -m benchmarks.floor PORT`, with KAFKA_BROKERS, CASSANDRA_HOSTS and CASSANDRA_KEYSPACE set.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from cassandra.cluster import Cluster, Session
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

TOPICS = ("floor.symbol", "floor.request", "floor.done", "floor.followed")
TEXT = "A lamp is carried over the river, and somebody counts the stairs. " * 20
BROKERS = {"bootstrap.servers": os.environ.get("KAFKA_BROKERS", "")}


def keyspace() -> str:
    """Return the name of the keyspace."""
    return os.environ["CASSANDRA_KEYSPACE"]


class Floor:
    """The clients, the handlers of the three hops, and a queue for each open stream."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.page = session.prepare(f"INSERT INTO {keyspace()}.floor_pages (page_id, text) VALUES (?, ?)")
        self.edge = session.prepare(f"INSERT INTO {keyspace()}.floor_edges (page_id, target) VALUES (?, ?)")
        self.producer = Producer({**BROKERS, "enable.idempotence": True, "linger.ms": 0})
        self.streams: dict[str, asyncio.Queue[bytes]] = {}
        self.loop = asyncio.get_running_loop()
        self.ended = threading.Event()

    def publish(self, topic: str, key: str, value: dict[str, Any], on_delivery: Callable[..., None] | None) -> None:
        self.producer.produce(topic, json.dumps(value).encode(), key.encode(), on_delivery=on_delivery)

    def serve_deliveries(self) -> None:
        while not self.ended.is_set():
            self.producer.poll(0.1)

    def consume(self, topic: str, handle: Callable[[dict[str, Any]], None]) -> None:
        group = {"group.id": f"{topic}.{uuid.uuid4()}", "auto.offset.reset": "latest", "fetch.wait.max.ms": 100}
        consumer = Consumer({**BROKERS, **group, "enable.auto.commit": True})
        consumer.subscribe([topic])
        while not self.ended.is_set():
            record = consumer.poll(0.2)
            if record is not None and record.error() is None:
                handle(json.loads(record.value() or b"{}"))
        consumer.close()

    def enrich(self, press: dict[str, Any]) -> None:
        self.publish("floor.request", press["session_id"], press | {"section": 1, "trajectory_hint": "T0"}, None)

    def write(self, request: dict[str, Any]) -> None:
        page = str(uuid.uuid4())
        written = self.session.execute_async(self.page, (page, TEXT))
        linked = self.session.execute_async(self.edge, (page, request["page_id"]))
        linked.result()
        written.result()
        done = {**request, "press_id": request["event_id"], "page_id": page, "text": TEXT}
        self.publish("floor.done", request["session_id"], done, None)

    def send(self, done: dict[str, Any]) -> None:
        frame = f"event: generate.page.done\ndata: {json.dumps(done)}\n\n".encode()
        self.loop.call_soon_threadsafe(self._enqueue, done["session_id"], frame)

    def _enqueue(self, session_id: str, frame: bytes) -> None:
        if session_id in self.streams:
            self.streams[session_id].put_nowait(frame)

    async def press(self, request: Request) -> Response:
        press = {**await request.json(), "event_id": str(uuid.uuid4())}
        acknowledged = self.loop.create_future()

        def delivered(error: Any, message: Any) -> None:
            self.loop.call_soon_threadsafe(acknowledged.set_result, error)

        self.publish("floor.symbol", press["session_id"], press, delivered)
        if error := await acknowledged:
            raise RuntimeError(str(error))
        return JSONResponse({"ok": True, "event_id": press["event_id"]})

    async def stream(self, request: Request) -> Response:
        queue = self.streams.setdefault(request.query_params["session_id"], asyncio.Queue())

        async def frames() -> AsyncIterator[bytes]:
            yield b": hello\n\n"
            while True:
                yield await queue.get()

        return StreamingResponse(frames(), media_type="text/event-stream")


async def ready(request: Request) -> Response:
    return JSONResponse({"ok": True})


async def main(port: int, shape: type[Floor] = Floor) -> None:
    floor = shape(_prepared())
    threads = (
        (floor.serve_deliveries,),
        (floor.consume, "floor.symbol", floor.enrich),
        (floor.consume, "floor.request", floor.write),
        (floor.consume, "floor.done", floor.send),
    )
    for target, *arguments in threads:
        threading.Thread(target=target, args=arguments, daemon=True).start()
    await asyncio.sleep(3)  # until the consumers have joined their groups
    routes = [
        Route("/readyz", ready),
        Route("/api/v1/event/ui/symbol", floor.press, methods=["POST"]),
        Route("/api/v1/event/stream", floor.stream),
    ]
    config = uvicorn.Config(Starlette(routes=routes), host="127.0.0.1", port=port, log_level="error")
    await uvicorn.Server(config).serve()
    floor.ended.set()


def _prepared() -> Session:
    admin = AdminClient(BROKERS)
    for future in admin.create_topics([NewTopic(topic, 12) for topic in TOPICS]).values():
        future.exception()  # an existing topic is fine
    hosts = [host.partition(":") for host in os.environ["CASSANDRA_HOSTS"].split(",")]
    cluster = Cluster(
        [host for host, _, _ in hosts],
        port=int(hosts[0][2] or 9042),
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        protocol_version=5,
    )
    session, within = cluster.connect(), keyspace()
    replication = {"class": "SimpleStrategy", "replication_factor": int(os.environ.get("CASSANDRA_REPLICATION", "1"))}
    session.execute(f"CREATE KEYSPACE IF NOT EXISTS {within} WITH replication = {replication}")
    session.execute(f"CREATE TABLE IF NOT EXISTS {within}.floor_pages (page_id text PRIMARY KEY, text text)")
    session.execute(
        f"CREATE TABLE IF NOT EXISTS {within}.floor_edges (page_id text, target text, PRIMARY KEY (page_id, target))"
    )
    return session


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
