"""Dependencies of every route: the gateway's components, and the exchange being served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import HTTPConnection

from qdpi.canon.edition import Edition
from qdpi.errors import NoBook
from qdpi.gateway.journey_trees import JourneyTrees
from qdpi.gateway.limits import Limits
from qdpi.gateway.readiness import Readiness
from qdpi.gateway.recent_runs import RecentRuns
from qdpi.gateway.search_indexes import CanonIndexes, JourneyIndexes
from qdpi.gateway.sessions import Sessions
from qdpi.gateway.streams.hub import Hub
from qdpi.system import System

EXCHANGE: Final = "qdpi.exchange"
"""The key of the exchange in its ASGI scope."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The components of a gateway.

    `model_health` returns the language model's fault, None while it is healthy; `model_name` its name, None where no
    worker of this process writes pages.
    """

    system: System
    hub: Hub
    sessions: Sessions
    limits: Limits
    readiness: Readiness
    journeys: JourneyIndexes
    trees: JourneyTrees
    recent_runs: RecentRuns
    canon_indexes: CanonIndexes
    model_health: Callable[[], str | None]
    model_name: Callable[[], str | None]


@dataclass(slots=True)
class Exchange:
    """One HTTP request or WebSocket, as the log records it; routes fill in the journey and the event."""

    http_request_id: str
    address: str
    journey: str | None = None
    event_id: str | None = None


async def gateway_of(connection: HTTPConnection) -> Gateway:
    """Return the gateway that serves a connection."""
    gateway: Gateway = connection.app.state.gateway
    return gateway


async def exchange_of(connection: HTTPConnection) -> Exchange:
    """Return the exchange of a connection."""
    exchange: Exchange = connection.scope[EXCHANGE]
    return exchange


def journey_of(gateway: Gateway, exchange: Exchange, session_id: str) -> str:
    """Return the journey that a session id opens, and count the request against its rate limit.

    Raises `InvalidSession`, `Unauthorized` or `TooManyRequests`.
    """
    exchange.journey = gateway.sessions.journey(session_id)
    gateway.limits.request_of(exchange.journey)
    return exchange.journey


async def current_edition(gateway: Gateway) -> Edition | None:
    """Return the current edition, None where there is no book."""
    try:
        return await gateway.system.editions.current()
    except NoBook:
        return None


GatewayDep = Annotated[Gateway, Depends(gateway_of)]
ExchangeDep = Annotated[Exchange, Depends(exchange_of)]
