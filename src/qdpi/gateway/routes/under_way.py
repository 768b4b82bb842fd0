"""GET /journey/{session_id}/runs: the presses of a journey that have no outcome yet."""

from __future__ import annotations

from fastapi import APIRouter

from qdpi.api import API_PREFIX
from qdpi.api.responses import RunsUnderWay
from qdpi.gateway.context import ExchangeDep, GatewayDep, journey_of
from qdpi.gateway.problems import problem_responses
from qdpi.gateway.streams.under_way import add_earlier_presses

router = APIRouter(prefix=API_PREFIX, tags=["journeys"])


@router.get(
    "/journey/{session_id}/runs", summary="A journey's runs under way", responses=problem_responses(401, 422, 429, 503)
)
async def runs(session_id: str, gateway: GatewayDep, exchange: ExchangeDep) -> RunsUnderWay:
    """Return what was pressed and has no outcome yet: each run's press, words, phase and place in line.

    The same statuses begin a stream. A run is stopped by its `press_id`.
    """
    journey = journey_of(gateway, exchange, session_id)
    await add_earlier_presses(journey, gateway.hub.pending, gateway.system.store)
    return RunsUnderWay(session_id=session_id, runs=tuple(gateway.hub.runs(journey)))
