"""System: the parts of a process, wired once by `qdpi.bootstrap` and passed to services and gateway."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from qdpi.bus.port import EventBus
from qdpi.bus.publisher import Publisher
from qdpi.canon.editions import Editions
from qdpi.ids import sha256
from qdpi.observability.metrics import Metrics
from qdpi.retry import Backoff
from qdpi.search.vectors import Embedder
from qdpi.settings import Settings
from qdpi.store.ports import PageStore


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def random_id() -> str:
    """Return a random UUID with 122 unpredictable bits."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class System:
    """Settings, ports, and the sources of time and randomness.

    `now` returns the time in UTC; `new_id` an unpredictable id.
    """

    settings: Settings
    bus: EventBus
    store: PageStore
    publisher: Publisher
    editions: Editions
    metrics: Metrics
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    backoff: Backoff
    embedder: Embedder

    def journey_label(self, journey: str) -> str:
        """Return a journey's name for logs: a hash where the id alone would give access to it."""
        return journey if self.settings.secrets else f"sha256:{sha256(journey)[:12]}"
