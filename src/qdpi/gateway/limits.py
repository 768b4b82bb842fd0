"""Limits per journey and per client address: requests a minute, and open streams."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from starlette.types import Scope

from qdpi.errors import TooManyImports, TooManyRequests, TooManyStreams
from qdpi.settings import Settings

KEPT: Final = 50_000
"""How many journeys and addresses are remembered; a forgotten one starts with a full bucket."""
MINUTE: Final = 60.0
MOST_IMPORTS: Final = 8
"""How many archives one gateway receives and imports at a time."""
IMPORTS_AT_WORK: Final = 2
"""How many of them are imported, while the others wait: each takes a processor."""
_IMPORT_SECONDS: Final = 5


class Rate:
    """A token bucket per key: holds `limit` tokens and refills within a minute.

    https://en.wikipedia.org/wiki/Token_bucket. Keeps a bounded number of keys and forgets the least recent first.
    """

    def __init__(self, limit: int, *, kept: int = KEPT) -> None:
        self.limit = limit
        self._kept = kept
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Take a token for a key at a time in seconds. Returns 0, or the seconds until a token is available."""
        left, since = self._buckets.get(key, (float(self.limit), now))
        left = min(float(self.limit), left + max(0.0, now - since) * self.limit / MINUTE)
        wait = 0.0 if left >= 1 else (1 - left) * MINUTE / self.limit
        self._buckets[key] = (left if wait else left - 1, now)
        self._buckets.move_to_end(key)
        while len(self._buckets) > self._kept:
            self._buckets.popitem(last=False)
        return wait


class Limits:
    """Counts requests and streams of journeys and addresses. `clock` is monotonic, in seconds."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_address, self._by_journey = Rate(settings.address_requests), Rate(settings.max_requests)
        self._most_of_address, self._most_of_journey = settings.address_streams, settings.max_streams
        self._streams_of_address: Counter[str] = Counter()
        self._streams_of_journey: Counter[str] = Counter()
        self.import_turn = asyncio.Semaphore(IMPORTS_AT_WORK)
        self.imports = 0
        """How many imports there are now."""

    def request_from(self, address: str) -> None:
        """Count a request from an address. Raises `TooManyRequests`."""
        self._take(self._by_address, address, "This address")

    def request_of(self, journey: str) -> None:
        """Count a request of a journey. Raises `TooManyRequests`."""
        self._take(self._by_journey, journey, "This journey")

    def _take(self, rate: Rate, key: str, who: str) -> None:
        wait = rate.take(key, self._clock())
        if wait:
            raise TooManyRequests(f"{who} may make {rate.limit:,} requests a minute.", retry_after=math.ceil(wait))

    @contextmanager
    def stream(self, address: str, journey: str) -> Iterator[None]:
        """Count a stream while the block lasts. Raises `TooManyStreams`."""
        if self._streams_of_address[address] >= self._most_of_address:
            raise TooManyStreams(f"This address has {self._most_of_address:,} streams open, which is the limit.")
        if self._streams_of_journey[journey] >= self._most_of_journey:
            raise TooManyStreams(f"This journey has {self._most_of_journey:,} streams open, which is the limit.")
        self._streams_of_address[address] += 1
        self._streams_of_journey[journey] += 1
        try:
            yield
        finally:
            _release(self._streams_of_address, address)
            _release(self._streams_of_journey, journey)

    def importing(self) -> AbstractContextManager[None]:
        """Count an import, until the returned block ends. Raises `TooManyImports`."""
        if self.imports >= MOST_IMPORTS:
            raise TooManyImports("Other journeys are being imported here.", retry_after=_IMPORT_SECONDS)
        self.imports += 1
        return self._importing()

    @contextmanager
    def _importing(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.imports -= 1


def _release(counts: Counter[str], key: str) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def address_of(scope: Scope) -> str:
    """Return the client address that limits apply to; for IPv6 its /64 network, which usually is one household.

    A connection without an address, as through a Unix socket, counts as `local`.
    """
    client = scope.get("client")
    if not client:
        return "local"
    try:
        address = ip_address(client[0])
    except ValueError:
        return str(client[0])[:64]
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ip_network((int(address), 64), strict=False))
    return str(address)
