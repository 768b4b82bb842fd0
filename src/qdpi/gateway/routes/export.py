"""GET /export/{session_id}: a journey as a file, streamed while it is built."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse
from starlette.types import Send

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
            "description": "The file; `content-disposition` has its name.",
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
    """Return the journey as of now: its complete log, or a copy for reading. A new journey gives an empty file."""
    journey = journey_of(gateway, exchange, session_id)
    form = format_named(format)
    pieces = form.stream(gateway.system.store, journey)
    # Build the first piece before the response begins, so that an unavailable store is still a 503.
    first = await anext(pieces)
    headers = {
        "content-disposition": f'attachment; filename="{file_name(journey, form)}"',
        "cache-control": "no-store",
    }
    return FileInPieces(_after(first, pieces), media_type=form.media_type, headers=headers)


async def _after(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece


class FileInPieces(StreamingResponse):
    """A file, sent while it is built; where its client leaves, what was opened for it is closed at once."""

    def __init__(self, pieces: AsyncGenerator[bytes], **options: Any) -> None:
        super().__init__(pieces, **options)
        self._pieces = pieces

    async def stream_response(self, send: Send) -> None:
        """Send the file."""
        async with aclosing(self._pieces):
            await super().stream_response(send)
