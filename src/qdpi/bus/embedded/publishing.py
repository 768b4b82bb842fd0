"""What is checked before a message is written, and the work of writing it."""

from __future__ import annotations

import re
from datetime import datetime
from sqlite3 import Connection
from typing import Final

from qdpi.bus.embedded import log
from qdpi.bus.port import Message
from qdpi.errors import InvalidInput
from qdpi.events import TOPICS, PageEvent, TopicSpec

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_PAGE_TOPICS: Final = "gibsey.page."


class Append:
    """The work of a publish. `written` says that its transaction may have come to be."""

    def __init__(self, message: Message, taken_at: datetime) -> None:
        self.written = False
        self._message = message
        self._taken_at = taken_at

    def __call__(self, connection: Connection) -> int | None:
        """Write the message and return its offset; None where its topic is not there."""
        offset = log.append(connection, self._message, self._taken_at)
        if offset is None and (spec := page_topic(self._message.topic)):
            log.put(connection, spec)
            offset = log.append(connection, self._message, self._taken_at)
        self.written = offset is not None
        return offset


def page_topic(name: str) -> TopicSpec | None:
    """Return the topic of a section's or a page's events by its name; None for every other name."""
    if name in TOPICS or not name.startswith(_PAGE_TOPICS):
        return None
    check_name("topic", name)
    return TOPICS[PageEvent.topic]._replace(name=name)


def check_name(kind: str, name: str) -> None:
    """Raise `InvalidInput` unless a name is one that every bus takes and a file may have."""
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise InvalidInput(
            f"{name!r} cannot be the name of a {kind}.",
            next_step="Use 1 to 249 letters, digits, '.', '_' or '-'.",
        )


def refuse_large(message: Message, max_bytes: int) -> None:
    """Raise `InvalidInput` for a value that is larger than its topic takes."""
    size = len(message.value or b"")
    if size > max_bytes:
        raise InvalidInput(
            f"A value of {size:,} bytes is too large for {message.topic}, which takes {max_bytes:,}.",
            next_step="Send less in one event.",
        )


def no_topic(name: str) -> InvalidInput:
    """Return the error of publishing to a topic that is not there."""
    return InvalidInput(f"There is no topic {name!r}.", next_step="Create it with `qdpi kafka-topics`.")
