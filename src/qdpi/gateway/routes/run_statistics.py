"""GET /pipeline/stats/runs: what a run usually takes here, before pressing."""

from __future__ import annotations

from fastapi import APIRouter

from qdpi.api import API_PREFIX
from qdpi.api.responses import RunStatistics
from qdpi.gateway.context import GatewayDep
from qdpi.gateway.problems import problem_responses

router = APIRouter(prefix=API_PREFIX, tags=["runs"])


@router.get("/pipeline/stats/runs", summary="What a run usually takes", responses=problem_responses(429, 503))
async def run_statistics(gateway: GatewayDep) -> RunStatistics:
    """Return the median time and tokens of the newest runs here, by model and behaviour; empty before the first."""
    return await gateway.recent_runs.statistics()
