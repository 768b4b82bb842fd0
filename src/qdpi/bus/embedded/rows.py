"""How headers and times are kept in a row."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from qdpi.bus.port import Headers, Partition, Record

ONLY: Final = 0
"""The number of a topic's one partition."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def partition_of(topic: str) -> Partition:
    """Return the one partition of a topic."""
    return Partition(topic, ONLY)


def encode_headers(headers: Headers) -> bytes:
    """Return headers as JSON; Latin-1 maps every byte to one character and back."""
    return json.dumps([(name, value.decode("latin-1")) for name, value in headers]).encode()


def decode_headers(blob: bytes) -> Headers:
    """Return the headers that were encoded, names repeated and bytes of any kind included."""
    return tuple((name, value.encode("latin-1")) for name, value in json.loads(blob))


def microseconds(moment: datetime) -> int:
    """Return an aware time as microseconds since 1970, UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds: int) -> datetime:
    """Return the time that many microseconds after 1970, UTC."""
    return _EPOCH + microseconds * _MICROSECOND


def record_of(topic: str, row: tuple[Any, ...]) -> Record:
    """Return a record from its row: offset, key, value, headers, taken_at."""
    offset, key, value, headers, taken_at = row
    return Record(partition_of(topic), offset, key, value, decode_headers(headers), moment_of(taken_at))
