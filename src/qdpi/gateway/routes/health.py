"""/healthz, /readyz, /metrics and /asyncapi.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse

from qdpi.api.responses import PROBLEM_MEDIA_TYPE, Alive, ComponentHealth, Problem, Ready
from qdpi.asyncapi import document_json
from qdpi.errors import NoBook, StoreUnavailable
from qdpi.gateway.context import ExchangeDep, Gateway, GatewayDep
from qdpi.gateway.hosts import is_loopback, parse_host
from qdpi.gateway.problems import Refusal, problem, problem_response
from qdpi.settings import Settings

router = APIRouter(tags=["operations"])

_PASSED_ON: Final = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})
"""Headers that a proxy adds."""
_MODEL_TOLD: Final = "The last call of the language model failed, or it does not run."


@router.get("/healthz", summary="Is the process alive?")
async def alive() -> Alive:
    """Answer without checking any component."""
    return Alive()


@router.get(
    "/readyz",
    summary="Do the store and the bus answer?",
    response_model=Ready,
    responses={
        503: {
            "description": "The store or the bus is unavailable; `parts` says which and since when.",
            "content": {PROBLEM_MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
        }
    },
)
async def ready(gateway: GatewayDep, exchange: ExchangeDep, request: Request) -> Response:
    """Ping the store and the bus. Causes are for who asks on this machine, of a gateway without a proxy."""
    wholly = is_operator(gateway.system.settings, exchange.address, request.headers)
    needed = await gateway.readiness.components(wholly=wholly)
    down = {name: part for name, part in needed.items() if not part.ok}
    parts = needed | {"model": _model(gateway, wholly), "book": await _book(gateway, needed["store"])}
    shown: dict[str, Any] = {name: part.model_dump(mode="json") for name, part in parts.items()}
    if not down:
        return JSONResponse({"ready": True, "parts": gateway.system.settings.redact.within(shown)})
    detail = " ".join(
        f"The {name} has been unavailable since {part.since}: {part.detail}" for name, part in down.items()
    )
    next_step = "The server reconnects by itself; no event is lost."
    unready = problem("not_ready", 503, detail, next_step, ready=False, parts=shown)
    return problem_response(Refusal(unready), gateway, exchange)


def is_operator(settings: Settings, address: str, headers: Mapping[str, str]) -> bool:
    """Say whether a request is made on this machine, and not passed on: through a proxy all seem to be."""
    proxied = settings.own_hosts or settings.proxies or settings.root_path or _PASSED_ON.intersection(headers.keys())
    host = parse_host(headers.get("host", ""))
    return not proxied and is_loopback(address) and host is not None and host.is_loopback


def _model(gateway: Gateway, wholly: bool) -> ComponentHealth:
    fault = gateway.model_health()
    return ComponentHealth(ok=fault is None, detail=fault if wholly or fault is None else _MODEL_TOLD)


async def _book(gateway: Gateway, store: ComponentHealth) -> ComponentHealth:
    if not store.ok:
        return ComponentHealth(ok=False, detail="The store is unavailable.")
    try:
        revision = (await gateway.system.editions.current()).revision
    except (NoBook, StoreUnavailable) as error:
        return ComponentHealth(ok=False, detail=error.told if isinstance(error, StoreUnavailable) else str(error))
    return ComponentHealth(ok=True, detail=f"{revision.title}, revision {revision.revision}")


@router.get(
    "/metrics",
    summary="Metrics in Prometheus' format",
    response_class=Response,
    responses={200: {"description": "The metrics.", "content": {"text/plain": {}}}},
)
async def metrics(gateway: GatewayDep) -> Response:
    """Return the metrics of this process."""
    return Response(gateway.system.metrics.render(), media_type=CONTENT_TYPE_LATEST)


@router.get("/asyncapi.json", include_in_schema=False)
async def asyncapi() -> Response:
    """Return the AsyncAPI document, which describes the topics as /openapi.json does the paths."""
    return Response(document_json(), media_type="application/json")
