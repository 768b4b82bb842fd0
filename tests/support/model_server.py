"""A model server on a real socket: the protocols of OpenAI, Ollama and Anthropic, and their failures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

PAGE = ("The lamp ", "went out, ", "and the river ", "kept on talking.")
LONG_PAGE = (*PAGE, *(f" Bell {number} answered." for number in range(20)))


@dataclass
class ModelRequest:
    """A request that the server received."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class ModelServer:
    """Answers by `mode`: ok, slow, error_500, unauthorised, empty, dies, never, garbage, drip, think, long.

    `refusals` answer the first calls in its place, each a status, headers and a body. `raw` is a head and body of an
    answer in pieces, sent in place of one of the protocol, a number being a pause in seconds.
    `slow` waits for `release` before its last piece. `drip` sends pieces until the client disconnects, which sets
    `disconnected`. `finished` is set when a complete answer has been sent. `reply` makes the answers to whole prompts,
    in OpenAI's protocol, in the place of the mode's.
    """

    mode: str = "ok"
    models: tuple[str, ...] = ("nomic-embed-text", "storyteller")
    requests: list[ModelRequest] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    raw: list[bytes | float] | None = None
    release: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    reply: Callable[[str], str] | None = None

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle a connection with one request."""
        try:
            request = await _read(reader)
            self.requests.append(request)
            if request.path.partition("?")[0].endswith("/models"):
                await self._list(writer)
            else:
                await self._complete(request, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.disconnected.set()
        finally:
            writer.close()

    async def _list(self, writer: asyncio.StreamWriter) -> None:
        if self.mode == "never":
            await self.release.wait()
        body = {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]}
        await _reply(writer, 200, body)

    async def _complete(self, request: ModelRequest, writer: asyncio.StreamWriter) -> None:
        self.started.set()
        if self.refusals:
            status, headers, body = self.refusals.pop(0)
            await _reply(writer, status, body, headers)
        elif self.raw is not None:
            await _send(writer, self.raw)
        elif self.mode == "never":
            await self.release.wait()
        elif self.mode == "error_500":
            await _reply(writer, 500, {"error": {"message": "the kettle is broken"}})
        elif self.mode == "unauthorised":
            key = request.headers.get("authorization") or request.headers.get("x-api-key", "")
            await _reply(writer, 401, {"error": {"message": f"Incorrect key {key.split()[-1]}"}})
        elif self.mode == "garbage":
            writer.write(EVENT_STREAM + b"data: {\xff\xfe not json \x00\n\ndata: <html>\n\n")
            await writer.drain()
        elif request.path.endswith("/messages"):
            await self._write_anthropic(writer)
        else:
            await self._write_openai(writer, self._replied(request) if self.reply else self._pieces())

    def _replied(self, request: ModelRequest) -> tuple[str, ...]:
        prompt = "\n\n".join(str(message["content"]) for message in request.body["messages"])
        return (self.reply(prompt),) if self.reply else ()

    async def _write_openai(self, writer: asyncio.StreamWriter, pieces: tuple[str, ...]) -> None:
        writer.write(EVENT_STREAM)
        for number, piece in enumerate(pieces):
            if self.mode == "slow" and number == len(PAGE) - 1:
                await self.release.wait()
            await send_event(writer, {"choices": [{"index": 0, "delta": {"content": piece}}]})
            if self.mode == "dies" and number == 1:
                return
        while self.mode == "drip":
            await send_event(writer, {"choices": [{"index": 0, "delta": {"content": "drip "}}]})
        await send_event(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        await send_event(writer, {"choices": [], "usage": {"prompt_tokens": 21, "completion_tokens": 9}})
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()
        self.finished.set()

    async def _write_anthropic(self, writer: asyncio.StreamWriter) -> None:
        writer.write(EVENT_STREAM)
        start = {"id": "m1", "type": "message", "role": "assistant", "model": "storyteller", "content": []}
        await send_event(writer, {"type": "message_start", "message": start | {"usage": {"input_tokens": 21}}})
        block = {"type": "text", "text": ""}
        await send_event(writer, {"type": "content_block_start", "index": 0, "content_block": block})
        for piece in self._pieces():
            delta = {"type": "text_delta", "text": piece}
            await send_event(writer, {"type": "content_block_delta", "index": 0, "delta": delta})
        await send_event(writer, {"type": "content_block_stop", "index": 0})
        ended, counted = {"stop_reason": "end_turn"}, {"input_tokens": 21, "output_tokens": 9}
        await send_event(writer, {"type": "message_delta", "delta": ended, "usage": counted})
        await send_event(writer, {"type": "message_stop"})

    def _pieces(self) -> tuple[str, ...]:
        if self.mode == "empty":
            return (" \n", "")
        if self.mode == "think":
            return ("<thi", "nk>A lamp, I sup", "pose.</think>\n\n", *PAGE)
        return LONG_PAGE if self.mode == "long" else PAGE


EVENT_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


async def _read(reader: asyncio.StreamReader) -> ModelRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return ModelRequest(first.split()[1], headers, json.loads(body) if body else {})


async def _reply(writer: asyncio.StreamWriter, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
    payload = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    given = {"content-type": "application/json", "connection": "close", **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    writer.write(f"HTTP/1.1 {status} X\r\n{lines}content-length: {len(payload)}\r\n\r\n".encode() + payload)
    await writer.drain()


async def _send(writer: asyncio.StreamWriter, pieces: list[bytes | float]) -> None:
    for piece in pieces:
        if isinstance(piece, bytes):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(piece)


async def send_event(writer: asyncio.StreamWriter, data: dict[str, Any]) -> None:
    """Send a server-sent event of a model's stream."""
    name = f"event: {data['type']}\n" if "type" in data else ""
    writer.write(f"{name}data: {json.dumps(data)}\n\n".encode())
    await writer.drain()
    await asyncio.sleep(0)


Served = TypeVar("Served", bound=ModelServer)


@asynccontextmanager
async def model_server(mode: str = "ok") -> AsyncIterator[ModelServer]:
    """Run a server on a free loopback port for the duration of a block."""
    async with serving(ModelServer(mode)) as served:
        yield served


@asynccontextmanager
async def serving(served: Served) -> AsyncIterator[Served]:
    """Run a given server on a free loopback port for the duration of a block."""
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(served.answer(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()
    served.url = f"http://{host}:{port}"
    try:
        yield served
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()
