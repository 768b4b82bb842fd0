"""Readiness: whether a server answers clients in its protocol, waiting for it, and its log if it fails."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from qdpi.cluster.processes import pid_of
from qdpi.cluster.setup import Kind, Node, NodeFiles
from qdpi.errors import ServicesFailed

_TIMEOUT: Final = 3.0
_METADATA: Final = 3
_ALL: Final = 5
_STARTUP, _OPTIONS, _QUERY, _AUTH_RESPONSE = 1, 5, 7, 15
_AUTHENTICATE, _SUPPORTED, _RESULT = 3, 6, 8
_TLS_ALERT: Final = 0x15
_ON_ALL_NODES: Final = b"SELECT keyspace_name FROM system_distributed.view_build_status LIMIT 1"
_POLL_INTERVAL: Final = 0.1
_TAIL_BYTES: Final = 64 << 10
_ERROR_WORDS: Final = ("ERROR", "FATAL", "Exception", "Error:")


async def is_answering(node: Node) -> bool:
    """Return whether a node serves clients, regardless of its peers."""
    return await _in_time(_brokers_seen(node, [node]) if node.kind is Kind.KAFKA else _speaks_cql(node))


async def sees_all(node: Node, peers: Sequence[Node]) -> bool:
    """Return whether a node reports all of its peers as serving."""
    return await _in_time(_brokers_seen(node, peers) if node.kind is Kind.KAFKA else _reads_from_all(node))


async def _in_time(asked: Awaitable[bool]) -> bool:
    try:
        async with asyncio.timeout(_TIMEOUT):
            return await asked
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


@asynccontextmanager
async def _connection(node: Node) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = node.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def _brokers_seen(node: Node, peers: Sequence[Node]) -> bool:
    """Send Kafka's Metadata request, version 1, without topics: the answer lists the unfenced brokers."""
    request = struct.pack(">hhihi", _METADATA, 1, 0, -1, 0)
    async with _connection(node) as (reader, writer):
        writer.write(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        answer = await reader.readexactly(size)
    return {each.number for each in peers} <= _broker_ids(answer)


def _broker_ids(answer: bytes) -> set[int]:
    (count,) = struct.unpack_from(">i", answer, 4)
    ids, at = set(), 8
    for _ in range(count):
        number, length = struct.unpack_from(">ih", answer, at)
        (rack,) = struct.unpack_from(">h", answer, at + 6 + length + 4)
        at += 6 + length + 4 + 2 + max(rack, 0)
        ids.add(number)
    return ids


async def _speaks_cql(node: Node) -> bool:
    """Send CQL's OPTIONS. A node that requires TLS answers with an alert, which counts as serving."""
    async with _connection(node) as (reader, writer):
        writer.write(_frame(_OPTIONS, b""))
        head = await reader.readexactly(7)
    return head[0] == _TLS_ALERT or head[4] == _SUPPORTED


async def _reads_from_all(node: Node) -> bool:
    """Read at consistency ALL from a keyspace with three replicas."""
    async with _connection(node) as (reader, writer):

        async def ask(operation: int, body: bytes) -> int:
            writer.write(_frame(operation, body))
            answered, length = struct.unpack(">4xBi", await reader.readexactly(9))
            await reader.readexactly(length)
            return int(answered)

        if await ask(_STARTUP, b"\0\1\0\x0bCQL_VERSION\0\x053.0.0") == _AUTHENTICATE:
            await ask(_AUTH_RESPONSE, struct.pack(">i", 20) + b"\0cassandra\0cassandra")
        query = struct.pack(">i", len(_ON_ALL_NODES)) + _ON_ALL_NODES + struct.pack(">hB", _ALL, 0)
        return await ask(_QUERY, query) == _RESULT


def _frame(operation: int, body: bytes) -> bytes:
    """Return a request of CQL's binary protocol, version 4."""
    return struct.pack(">BBhBi", 4, 0, 0, operation, len(body)) + body


async def until_ready(
    node: Node, files: NodeFiles, is_ready: Callable[[Node], Awaitable[bool]], timeout: float
) -> None:
    """Return when a node is ready. Raises `ServicesFailed` if it ends first, or after `timeout` seconds."""
    look = f"See `qdpi services logs {node.name}`, or the file {files.log}."
    try:
        async with asyncio.timeout(timeout):
            while not await is_ready(node):
                if pid_of(files) is None:
                    raise ServicesFailed(f"{node.name} ended while it started: {last_error(files.log)}", next_step=look)
                await asyncio.sleep(_POLL_INTERVAL)
    except TimeoutError:
        raise ServicesFailed(f"{node.name} is not ready after {timeout:g} seconds.", next_step=look) from None


def last_lines(log: Path, count: int) -> list[str]:
    """Return the last lines of a log, within its last 64 KiB; none if there is no log."""
    try:
        with log.open("rb") as opened:
            opened.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return opened.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def last_error(log: Path) -> str:
    """Return the last line of a log that reports an error, else its last line."""
    lines = last_lines(log, 400)
    return next(_error_lines(reversed(lines)), (lines or ["no output"])[-1])[:300]


def _error_lines(lines: Iterator[str]) -> Iterator[str]:
    return (line.strip() for line in lines if any(word in line for word in _ERROR_WORDS))
