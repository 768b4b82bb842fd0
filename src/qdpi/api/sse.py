"""A parser of server-sent events (https://html.spec.whatwg.org/#event-stream-interpretation)."""

from __future__ import annotations

import codecs
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from typing import Final

LONGEST_EVENT: Final = 8 << 20
"""The longest line that is buffered, in characters."""
_FIELDS: Final = frozenset({"event", "data", "id", "retry"})
_LINE_END: Final = re.compile(r"\r\n|\n|\r")


class LineTooLong(ValueError):
    """A line of an event stream is longer than LONGEST_EVENT."""

    def __init__(self) -> None:
        super().__init__(f"A line of the stream is longer than {LONGEST_EVENT:,} characters.")


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event. `retry` is the reconnection time that the server asks for, in milliseconds.

    `stray` is what stood beside the event in lines that are no field of it.
    """

    event: str = "message"
    data: str = ""
    id: str | None = None
    retry: int | None = None
    stray: str = ""


@dataclass(slots=True)
class _Fields:
    event: str = "message"
    data: list[str] = field(default_factory=list)
    id: str | None = None
    retry: int | None = None
    stray: list[str] = field(default_factory=list)

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
        elif name and name not in _FIELDS:
            self.stray.append(line)

    def event_if_any(self, *, is_lenient: bool) -> ServerEvent | None:
        if self.data or self.retry is not None:
            return ServerEvent(self.event, "\n".join(self.data), self.id, self.retry, self._stray(is_lenient))
        if is_lenient and (self.stray or self.event != "message"):
            return ServerEvent(self.event, stray=self._stray(is_lenient))
        return None

    def _stray(self, is_lenient: bool) -> str:
        return "\n".join(self.stray) if is_lenient else ""


async def server_events(chunks: AsyncIterable[bytes], *, is_lenient: bool = False) -> AsyncGenerator[ServerEvent, None]:
    """Yield the events of a stream. Raises `LineTooLong`, and UnicodeDecodeError for bytes that are not UTF-8.

    Only CR, LF and CRLF end a line: other characters that `str.splitlines` splits at occur in the book's text.
    With `is_lenient` more is yielded, against the standard: an event at the stream's end that no blank line ends, one
    that has a name and no data, and lines that are no field, such as an error that a server writes into the stream.
    """
    fields = _Fields()
    async for line in _lines(chunks, keep_unfinished=is_lenient):
        if line:
            fields.take(line)
            continue
        if event := fields.event_if_any(is_lenient=is_lenient):
            yield event
        fields = _Fields()
    if is_lenient and (event := fields.event_if_any(is_lenient=True)):
        yield event


async def _lines(chunks: AsyncIterable[bytes], *, keep_unfinished: bool) -> AsyncIterator[str]:
    decoder, after_cr = codecs.getincrementaldecoder("utf-8-sig")(), False
    rest: list[str] = []  # the pieces of a line that has not ended, joined once
    length = 0
    async for chunk in chunks:
        text = decoder.decode(chunk)
        if after_cr:
            text = text.removeprefix("\n")  # the second half of a CRLF that was split between two chunks
        after_cr = text.endswith("\r") or (after_cr and not chunk)
        first, *others = _LINE_END.split(text)
        rest.append(first)
        length += len(first)
        for following in others:
            yield "".join(rest)
            rest, length = [following], len(following)
        if length > LONGEST_EVENT:
            raise LineTooLong
    if keep_unfinished and length:
        yield "".join(rest)
