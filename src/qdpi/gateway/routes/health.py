"""/healthz, /readyz, /metrics, /asyncapi.json and the page at /."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse

from qdpi.api.responses import PROBLEM_MEDIA_TYPE, Alive, ComponentHealth, Problem, Ready
from qdpi.asyncapi import document_json
from qdpi.errors import NoBook, StoreUnavailable
from qdpi.gateway.context import Gateway, GatewayDep
from qdpi.gateway.problems import problem

router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="Is the process alive?")
async def alive() -> Alive:
    """Answer, whatever is away."""
    return Alive()


@router.get(
    "/readyz",
    summary="Do the store and the bus answer?",
    response_model=Ready,
    responses={
        503: {
            "description": "The store or the bus is away; `parts` says which and since when.",
            "content": {PROBLEM_MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
        }
    },
)
async def ready(gateway: GatewayDep) -> Response:
    """Ask the store and the bus."""
    needed = await gateway.readiness.parts()
    away = {name: part for name, part in needed.items() if not part.ok}
    parts = needed | {"model": _model(gateway), "book": await _book(gateway, needed["store"])}
    shown: dict[str, Any] = {name: part.model_dump(mode="json") for name, part in parts.items()}
    if not away:
        return JSONResponse({"ready": True, "parts": shown})
    detail = " ".join(f"The {name} is away since {part.since}: {part.detail}" for name, part in away.items())
    told = problem("not_ready", 503, detail, "It is waited for; nothing is lost.", ready=False, parts=shown)
    return Response(told.model_dump_json(exclude_none=True), 503, media_type=PROBLEM_MEDIA_TYPE)


def _model(gateway: Gateway) -> ComponentHealth:
    trouble = gateway.model_health()
    return ComponentHealth(ok=trouble is None, detail=trouble)


async def _book(gateway: Gateway, store: ComponentHealth) -> ComponentHealth:
    if not store.ok:
        return ComponentHealth(ok=False, detail="The store is away.")
    try:
        revision = (await gateway.system.editions.current()).revision
    except (NoBook, StoreUnavailable) as error:
        return ComponentHealth(ok=False, detail=str(error))
    return ComponentHealth(ok=True, detail=f"{revision.title}, revision {revision.revision}")


@router.get(
    "/metrics",
    summary="Metrics in Prometheus' format",
    response_class=Response,
    responses={200: {"description": "The metrics.", "content": {"text/plain": {}}}},
)
async def metrics(gateway: GatewayDep) -> Response:
    """Return the process's metrics."""
    return Response(gateway.system.metrics.render(), media_type=CONTENT_TYPE_LATEST)


@router.get("/asyncapi.json", include_in_schema=False)
async def asyncapi() -> Response:
    """Return the AsyncAPI document of the topics, as /openapi.json is that of the paths."""
    return Response(document_json(), media_type="application/json")


@router.get("/", summary="What this is", response_class=HTMLResponse)
async def index() -> HTMLResponse:
    """Return the page that says what this is and how to try it."""
    return HTMLResponse(files("qdpi").joinpath("web", "index.html").read_bytes())
