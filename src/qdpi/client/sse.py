"""A parser of server-sent events (https://html.spec.whatwg.org/#event-stream-interpretation)."""

from __future__ import annotations

import codecs
import re
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from qdpi.client.errors import UnreadableAnswer

LONGEST_EVENT: Final = 8 << 20
"""The longest line that is buffered, in characters."""
_LINE_END: Final = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event. `retry` is the reconnection time that the server asks for, in milliseconds."""

    event: str = "message"
    data: str = ""
    id: str | None = None
    retry: int | None = None


@dataclass(slots=True)
class _Fields:
    event: str = "message"
    data: list[str] = field(default_factory=list)
    id: str | None = None
    retry: int | None = None

    def take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self.event = value
        elif name == "data":
            self.data.append(value)
        elif name == "id" and "\0" not in value:
            self.id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value)


async def server_events(chunks: AsyncIterable[bytes]) -> AsyncIterator[ServerEvent]:
    """Yield the events of a stream. Raises `UnreadableAnswer` for a line above the limit.

    Only CR, LF and CRLF end a line: other characters that `str.splitlines` splits at occur in the book's text.
    """
    fields = _Fields()
    async for line in _lines(chunks):
        if line:
            fields.take(line)
            continue
        if fields.data or fields.retry is not None:
            yield ServerEvent(fields.event, "\n".join(fields.data), fields.id, fields.retry)
        fields = _Fields()


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[str]:
    decoder, rest, after_cr = codecs.getincrementaldecoder("utf-8-sig")(), "", False
    async for chunk in chunks:
        text = decoder.decode(chunk)
        if after_cr:
            text = text.removeprefix("\n")  # the second half of a CRLF that was split between two chunks
        after_cr = text.endswith("\r") or (after_cr and not chunk)
        *lines, rest = _LINE_END.split(rest + text)
        for line in lines:
            yield line
        if len(rest) > LONGEST_EVENT:
            raise UnreadableAnswer(f"A line of the stream is longer than {LONGEST_EVENT:,} characters.")
