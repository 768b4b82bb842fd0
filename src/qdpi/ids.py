"""Ids, stored times, and sets of page numbers and seqs.

Ids are UUIDv5 in one namespace, so that the same cause has the same id wherever it is computed. A press's `event_id`
is the only random one, and only when its client gives no `client_request_id`. Times are stored as version 1 UUIDs
(Cassandra's TIMEUUID) or as integers since 1970.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from qdpi.errors import InvalidSession

NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:gibsey:qdpi")
"""The namespace of every id here: 192cdf3d-fe88-5266-aa81-ffac34bb38e6."""

SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The ids that a journey can have."""
UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UUID_EPOCH: Final = datetime(1582, 10, 15, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def derived_id(kind: str, *parts: str) -> str:
    """Return the UUIDv5 of a kind of thing and of the parts that identify it, joined by a separator."""
    return str(uuid5(NAMESPACE, "\x1f".join((kind, *parts))))


def press_id(session_id: str, kind: str, client_request_id: str) -> str:
    """Return the event id of a press, ask or stop with a `client_request_id`."""
    return derived_id("event", session_id, kind, client_request_id)


def request_id(press: str) -> str:
    """Return the id of the run that a press causes."""
    return derived_id("request", press)


def page_id(request: str) -> str:
    """Return the id of the page that a run writes."""
    return derived_id("page", request)


def time_uuid(at: datetime, name: str) -> str:
    """Return a version 1 UUID whose time is `at` (to 100 ns) and whose other bits come from `name`.

    The layout is RFC 9562's; equal arguments give equal ids, so a row keyed by it is written once.
    """
    digest = hashlib.sha256(name.encode()).digest()
    clock_seq = int.from_bytes(digest[:2], "big") & 0x3FFF
    node = int.from_bytes(digest[2:8], "big") | (1 << 40)  # the multicast bit: not a network card's
    return str(_time_uuid(at, (clock_seq >> 8) | 0x80, clock_seq & 0xFF, node))


def lowest_time_uuid(at: datetime) -> UUID:
    """Return the version 1 UUID that Cassandra sorts first among those of a time.

    Cassandra compares the bytes after the time as signed bytes, so the lowest byte is 0x80.
    """
    return _time_uuid(at, 0x80, 0x80, 0x808080808080)


def time_of_uuid(uuid: str) -> datetime:
    """Return the time of a version 1 UUID, to the microsecond, in UTC."""
    return _UUID_EPOCH + timedelta(microseconds=UUID(uuid).time // 10)


def microseconds(at: datetime) -> int:
    """Return an aware time as microseconds since 1970; they sort as the times do."""
    return (at - UNIX_EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the time, in UTC, that many microseconds after 1970."""
    return UNIX_EPOCH + timedelta(microseconds=count)


def from_milliseconds(count: int) -> datetime:
    """Return the time, in UTC, that many milliseconds after 1970."""
    return UNIX_EPOCH + timedelta(milliseconds=count)


def _time_uuid(at: datetime, clock_seq_high: int, clock_seq_low: int, node: int) -> UUID:
    ticks = ((at - _UUID_EPOCH) // _MICROSECOND) * 10  # a tick is 100 ns
    low, middle, high = ticks & 0xFFFFFFFF, (ticks >> 32) & 0xFFFF, ((ticks >> 48) & 0x0FFF) | 0x1000
    return UUID(fields=(low, middle, high, clock_seq_high, clock_seq_low, node))


def check_session(session_id: str) -> str:
    """Return a session id unchanged. Raises `InvalidSession` where it is malformed."""
    if not SESSION_ID.fullmatch(session_id):
        raise InvalidSession(f"{session_id[:80]!r} is not a session id.")
    return session_id


def sha256(text: str) -> str:
    """Return the SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def bitmap_of(numbers: Iterable[int]) -> str:
    """Return a set of numbers from 1 as a bitmap in base64.

    Number n is bit (n - 1) % 8, the lowest first, of byte (n - 1) // 8.
    """
    bits = 0
    for number in numbers:
        if number < 1:
            raise ValueError(f"{number} is not a number from 1.")
        bits |= 1 << (number - 1)
    return _text(bits)


def bitmap_union(first: str, second: str) -> str:
    """Return the bitmap of the numbers that either has."""
    return _text(_bits(first) | _bits(second))


def bitmap_up_to(bitmap: str, most: int) -> str:
    """Return the bitmap of the numbers of one that are at most `most`."""
    return _text(_bits(bitmap) & ((1 << most) - 1))


def bitmap_has(bitmap: str, number: int) -> bool:
    """Return whether a bitmap has a number."""
    return bool(_bits(bitmap) >> (number - 1) & 1)


def bitmap_count(bitmap: str) -> int:
    """Return how many numbers a bitmap has."""
    return _bits(bitmap).bit_count()


def bitmap_highest(bitmap: str) -> int:
    """Return the highest number of a bitmap, 0 for an empty one."""
    return _bits(bitmap).bit_length()


def check_bitmap(bitmap: str) -> str:
    """Return a bitmap unchanged. Raises `ValueError` where it is not base64."""
    _bits(bitmap)
    return bitmap


def _bits(bitmap: str) -> int:
    try:
        return int.from_bytes(base64.b64decode(bitmap, validate=True), "little")
    except ValueError as error:
        raise ValueError(f"{bitmap!r:.40} is not a bitmap in base64.") from error


def _text(bits: int) -> str:
    return base64.b64encode(bits.to_bytes((bits.bit_length() + 7) // 8, "little")).decode()
