"""The fixtures that an adapter provides to the suites."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable

from qdpi.store.ports import PageStore

Connect = Callable[[], Awaitable[PageStore]]
"""Opens one more client on the same data."""


def vector(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)
