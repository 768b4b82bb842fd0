"""What is checked before a message reaches any bus: names, sizes, limits."""

from __future__ import annotations

import re
from typing import Final

from qdpi.bus.port import Message
from qdpi.errors import InvalidInput
from qdpi.events import TOPICS, PageEvent, TopicSpec

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_PAGE_TOPICS: Final = "gibsey.page."


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


def check_limit(limit: int) -> int:
    """Return a limit on records as it is. Raises `InvalidInput` for one that reads nothing."""
    if limit < 1:
        raise InvalidInput(f"A limit of {limit} records reads nothing.", next_step="Give 1 or more.")
    return limit


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
