"""The parts of a process, wired once by `qdpi.bootstrap` and passed to whoever works with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from qdpi.bus.port import EventBus
from qdpi.bus.publisher import Publisher
from qdpi.canon.editions import Editions
from qdpi.ids import sha256
from qdpi.observability.metrics import Metrics
from qdpi.retry import Backoff
from qdpi.search.vectors import Embedder
from qdpi.settings import Settings
from qdpi.store.ports import PageStore


@dataclass(frozen=True, slots=True)
class System:
    """Settings, the ports, and what time and chance come from.

    `now` returns the time in UTC; `new_id` a random id that nobody can guess.
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
        """Return a journey as logs name it: by its hash where its id alone would open it."""
        return journey if self.settings.secrets else f"sha256:{sha256(journey)[:12]}"
