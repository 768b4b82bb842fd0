"""The gateway as an ASGI app: wires its components, mounts its routes, runs its hub during the lifespan."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from qdpi import __version__
from qdpi.gateway import problems
from qdpi.gateway.context import Gateway
from qdpi.gateway.doors import Guard, OriginForm
from qdpi.gateway.journey_trees import JourneyTrees
from qdpi.gateway.limits import Limits
from qdpi.gateway.middleware import Admission, BodyLimit, Compression, Envelope, Head
from qdpi.gateway.openapi import add_bounds
from qdpi.gateway.readiness import Readiness
from qdpi.gateway.recent_runs import RecentRuns
from qdpi.gateway.root_path import RootPath
from qdpi.gateway.routes import (
    about,
    book,
    events,
    export,
    health,
    imports,
    journeys,
    page_batch,
    pages,
    places,
    reading,
    run_statistics,
    runs,
    search,
    siblings,
    tree,
    under_way,
    vault,
    voices,
    web,
    websocket,
)
from qdpi.gateway.search_indexes import CanonIndexes, JourneyIndexes
from qdpi.gateway.sessions import Sessions
from qdpi.gateway.streams import sse
from qdpi.gateway.streams.hub import PING_SECONDS, QUEUE_LIMIT, SEND_SECONDS, Hub
from qdpi.gateway.streams.pending import PendingPresses
from qdpi.system import System

_ROUTERS = (
    events.router,
    websocket.router,
    runs.router,
    pages.router,
    siblings.router,
    page_batch.router,
    book.router,
    voices.router,
    journeys.router,
    tree.router,
    places.router,
    under_way.router,
    run_statistics.router,
    vault.router,
    search.router,
    export.router,
    imports.router,
    about.router,
    health.router,
    reading.router,
    web.router,
)
CORS: Final[dict[str, Any]] = {
    "allow_methods": ["GET", "HEAD", "POST", "DELETE"],
    "allow_headers": ["content-type", "if-none-match", "last-event-id", "traceparent", "x-request-id"],
    "expose_headers": ["etag", "retry-after", "x-request-id"],
    "max_age": 600,
}
"""CORS for the origins in QDPI_CORS_ORIGINS. The API uses no cookies, so credentials are not allowed."""


class GatewayApp(FastAPI):
    """The app. Its OpenAPI document includes the event stream, which is answered before the routes."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made once."""
        if self.openapi_schema:
            return self.openapi_schema
        gateway: Gateway = self.state.gateway
        document = super().openapi()
        document["paths"][sse.PATH] = sse.description()
        add_bounds(document, signed=gateway.sessions.signed)
        root_path = gateway.system.settings.root_path
        if root_path:
            document["servers"] = [{"url": root_path}]
        return document


def create_app(
    system: System,
    *,
    model_health: Callable[[], str | None] = lambda: None,
    model_name: Callable[[], str | None] = lambda: None,
    queue_limit: int = QUEUE_LIMIT,
    ping_seconds: float = PING_SECONDS,
    send_seconds: float = SEND_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """Return the gateway of a system. The caller opens the system's bus and store before, and closes them after.

    `model_health` returns the language model's fault, None while it is healthy; /readyz reports it. `model_name`
    returns its name, None where no worker of this process writes pages. A stream client may have `queue_limit` frames
    queued, gets a ping every `ping_seconds`, and is disconnected where it takes no frame for `send_seconds`. Rate
    limits use `clock`, a monotonic time in seconds.
    """
    gateway = wire(system, model_health, queue_limit, ping_seconds, send_seconds, clock, model_name)
    app = GatewayApp(
        title="Gibsey QDPI",
        version=__version__,
        description="A novel that writes back: press a symbol on a page, and read a new one.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.gateway = gateway
    for router in _ROUTERS:
        app.include_router(router)
    problems.install(app)
    reading.install(app)
    app.add_middleware(BodyLimit, gateway=gateway)
    app.add_middleware(Compression)
    app.add_middleware(Head)
    app.add_middleware(sse.StreamRoute, gateway=gateway)
    app.add_middleware(Admission, gateway=gateway)
    if system.settings.origins:
        app.add_middleware(CORSMiddleware, allow_origins=system.settings.origins, **CORS)
    app.add_middleware(Guard, gateway=gateway)
    app.add_middleware(Envelope, gateway=gateway)
    if system.settings.root_path:
        app.add_middleware(RootPath, root_path=system.settings.root_path)
    app.add_middleware(OriginForm)
    return app


def wire(
    system: System,
    model_health: Callable[[], str | None],
    queue_limit: int,
    ping_seconds: float,
    send_seconds: float,
    clock: Callable[[], float],
    model_name: Callable[[], str | None] = lambda: None,
) -> Gateway:
    """Return a gateway's components."""
    settings = system.settings
    recent_runs = RecentRuns(system.store)
    hub = Hub(
        system.bus,
        PendingPresses(settings.max_waiting),
        backoff=system.backoff,
        now=system.now,
        queue_limit=queue_limit,
        ping_seconds=ping_seconds,
        send_seconds=send_seconds,
        on_page=recent_runs.take,
    )
    return Gateway(
        system=system,
        hub=hub,
        sessions=Sessions(settings.secrets, system.new_id, system.now, settings.session_days),
        limits=Limits(settings, clock),
        readiness=Readiness(system, hub),
        journeys=JourneyIndexes(system.store),
        trees=JourneyTrees(system.store),
        recent_runs=recent_runs,
        canon_indexes=CanonIndexes(),
        model_health=model_health,
        model_name=model_name,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    hub: Hub = app.state.gateway.hub
    tasks = [asyncio.create_task(hub.listen()), asyncio.create_task(hub.ping())]
    try:
        yield
    finally:
        hub.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
