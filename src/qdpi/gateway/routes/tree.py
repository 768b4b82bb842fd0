"""GET /journey/{session_id}/tree: all outcomes of a journey by columns, for maps, cards and lists."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Response

from qdpi.api import API_PREFIX
from qdpi.api.responses import JourneyTree
from qdpi.gateway.context import ExchangeDep, GatewayDep, journey_of
from qdpi.gateway.negotiation import NOT_MODIFIED, conditional_model, matches
from qdpi.gateway.problems import problem_responses
from qdpi.gateway.streams.sse import seq_of

MOST_OUTCOMES: Final = 10_000
_HEADERS: Final = {"cache-control": "private, no-cache"}

router = APIRouter(prefix=API_PREFIX, tags=["journeys"])


@router.get(
    "/journey/{session_id}/tree",
    summary="A journey's outcomes by columns",
    response_model=JourneyTree,
    responses={**NOT_MODIFIED, **problem_responses(401, 422, 429, 503)},
)
async def tree(
    session_id: str,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    after: Annotated[str, Query(description="Only outcomes with a higher seq.")] = "0",
    limit: Annotated[int, Query(ge=1, le=MOST_OUTCOMES, description="How many outcomes at most.")] = MOST_OUTCOMES,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return what a map shows of each outcome, failures included, by columns. The ETag is the journey's head."""
    journey, first = journey_of(gateway, exchange, session_id), seq_of(None, after) or 0
    head = await gateway.system.store.head(journey)
    etag = f'W/"{head}"'
    if matches(if_none_match, etag):
        return Response(status_code=304, headers={"etag": etag, **_HEADERS})
    own = await gateway.trees.of(journey, head)
    begin, end = min(first, head), min(first + limit, head)
    view = JourneyTree(
        session_id=session_id,
        head=head,
        after=first,
        next_after=end if end < head else None,
        **own.columns(begin, end),
    )
    return conditional_model(view, None, etag=etag, headers=_HEADERS)
