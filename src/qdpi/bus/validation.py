"""Checks shared by all buses: names of topics and groups, sizes of values, limits."""

from __future__ import annotations

import re
from typing import Final

from qdpi.bus.port import Message
from qdpi.errors import InvalidInput
from qdpi.events import TOPICS, PageEvent, TopicSpec

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_PAGE_TOPICS: Final = "gibsey.page."


def page_topic(name: str) -> TopicSpec | None:
    """Return the topic spec for a section's or a page's events by name; None for every other name."""
    if name in TOPICS or not name.startswith(_PAGE_TOPICS):
        return None
    check_name("topic", name)
    return TOPICS[PageEvent.topic]._replace(name=name)


def check_name(kind: str, name: str) -> None:
    """Raise `InvalidInput` unless every bus accepts the name and a file may have it."""
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise InvalidInput(
            f"{name!r} cannot be the name of a {kind}.",
            next_step="Use 1 to 249 letters, digits, '.', '_' or '-'.",
        )


def check_limit(limit: int) -> int:
    """Return a limit on records unchanged. Raises `InvalidInput` if it is less than 1."""
    if limit < 1:
        raise InvalidInput(f"A limit of {limit} records reads nothing.", next_step="Give 1 or more.")
    return limit


def refuse_large(message: Message, max_bytes: int) -> None:
    """Raise `InvalidInput` if the value is larger than its topic accepts."""
    size = len(message.value or b"")
    if size > max_bytes:
        raise InvalidInput(
            f"A value of {size:,} bytes is too large for {message.topic}, which accepts {max_bytes:,}.",
            next_step="Send less in one event.",
        )


def no_topic(name: str) -> InvalidInput:
    """Return the error for a topic that does not exist."""
    return InvalidInput(f"There is no topic {name!r}.", next_step="Create it with `qdpi kafka-topics`.")
