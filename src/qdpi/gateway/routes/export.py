"""GET /export/{session_id}: a journey as a file, sent while it is made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from qdpi.api import API_PREFIX
from qdpi.export.formats import FORMATS, file_name, format_named
from qdpi.gateway.context import ExchangeDep, GatewayDep, journey_of
from qdpi.gateway.problems import problem_responses

router = APIRouter(prefix=API_PREFIX, tags=["journeys"])


@router.get(
    "/export/{session_id}",
    summary="A journey as a file",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {form.media_type.partition(";")[0]: {} for form in FORMATS.values()},
            "description": "The file, to be saved under the name that the answer gives.",
        },
        **problem_responses(401, 422, 503),
    },
)
async def export(
    session_id: str,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    format: Annotated[  # noqa: A002 (the query's word)
        str, Query(description="log (lossless), markdown, twee or epub.", json_schema_extra={"enum": [*FORMATS]})
    ] = "log",
) -> StreamingResponse:
    """Return the journey as it stands now: its whole log, or a copy for reading. One that is not begun is empty."""
    journey = journey_of(gateway, exchange, session_id)
    form = format_named(format)
    pieces = form.pieces(gateway.system.store, journey)
    # The first piece is made before the answer begins: while the store is away, the answer is a 503.
    first = await anext(pieces)
    headers = {
        "content-disposition": f'attachment; filename="{file_name(journey, form)}"',
        "cache-control": "no-store",
    }
    return StreamingResponse(_after(first, pieces), media_type=form.media_type, headers=headers)


async def _after(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece
