"""Health checks of the store and the bus, and since when each has been unavailable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from qdpi.api.responses import ComponentHealth
from qdpi.errors import Unavailable
from qdpi.gateway.streams.hub import Hub
from qdpi.system import System

PING_SECONDS: Final = 2.0


@dataclass(slots=True)
class Readiness:
    """Pings the components and records since when each has been unavailable."""

    system: System
    hub: Hub
    ping_seconds: float = PING_SECONDS
    _down: dict[str, datetime] = field(default_factory=dict)

    async def components(self, *, wholly: bool) -> dict[str, ComponentHealth]:
        """Return the health of the store and of the bus; `wholly` also with what only an operator is told."""
        store, bus = await asyncio.gather(
            self._ask("store", self.system.store.ping, wholly), self._ask("bus", self.system.bus.ping, wholly)
        )
        return {"store": store, "bus": self._with_tap(bus)}

    async def _ask(self, name: str, ping: Callable[[], Awaitable[None]], wholly: bool) -> ComponentHealth:
        try:
            async with asyncio.timeout(self.ping_seconds):
                await ping()
        except Unavailable as error:
            return self._unavailable(name, error.detail if wholly else error.told)
        except TimeoutError:
            return self._unavailable(name, f"The {name} did not answer within {self.ping_seconds:g} s.")
        self._down.pop(name, None)
        return ComponentHealth(ok=True)

    def _unavailable(self, name: str, detail: str) -> ComponentHealth:
        return ComponentHealth(ok=False, detail=detail, since=self._down.setdefault(name, self.system.now()))

    def _with_tap(self, bus: ComponentHealth) -> ComponentHealth:
        if bus.ok and self.hub.away_since is not None:
            return ComponentHealth(ok=False, detail="The streams have no tap on the bus.", since=self.hub.away_since)
        return bus
