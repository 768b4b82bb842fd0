"""The work of writing a message."""

from __future__ import annotations

from datetime import datetime
from sqlite3 import Connection

from qdpi.bus.embedded import log
from qdpi.bus.port import Message
from qdpi.bus.validation import page_topic


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
