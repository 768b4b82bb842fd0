"""POST /import: a journey's archive, checked whole before anything of it is written."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.requests import Request

from qdpi.api import API_PREFIX
from qdpi.api.responses import ImportedJourney
from qdpi.errors import BodyTooLarge, InvalidInput, QdpiError, Unauthorized
from qdpi.export.archive.read import Archive, check_size, open_packed
from qdpi.export.archive.restore import import_archive
from qdpi.gateway.context import Exchange, ExchangeDep, Gateway, GatewayDep, journey_of
from qdpi.gateway.middleware import IMPORT_PATH
from qdpi.gateway.problems import problem_responses

PACKED_LIMIT: Final = 128 << 20
"""The most bytes of an archive as it is sent: over 100,000 pages."""
UNPACKED_LIMIT: Final = 1 << 30
RECEIVE_SECONDS: Final = 300
"""How long an archive may take to arrive: whoever sends none must not keep others away."""
_DRAIN_SECONDS: Final = 20
_DRAINED: Final = 8 << 20
"""The most bytes of a refused body that are read."""
_CALLED: Final = "the file"
"""What errors call the archive: its path is one of the server."""

router = APIRouter(prefix=API_PREFIX, tags=["journeys"])

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The archive, as `GET /export/{session_id}` gives it, or as another program packed it again.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary", "maxLength": PACKED_LIMIT}}},
    }
}


@router.post(
    IMPORT_PATH.removeprefix(API_PREFIX),
    summary="A journey from its archive",
    responses=problem_responses(401, 413, 422, 429, 503),
    openapi_extra=_BODY,
)
async def import_journey(
    request: Request,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    session_id: Annotated[
        str | None, Query(description="A session id of the archive's journey; needed where ids are signed.")
    ] = None,
) -> ImportedJourney:
    """Import the journey of an archive; nothing is written unless all of it agrees with itself and with this server.

    A journey that is here already is unchanged, and continued where the archive has more of it.
    """
    try:
        journey = _journey_here(gateway, exchange, session_id)
        turn = gateway.limits.importing()
    except QdpiError:
        await _drain(request)
        raise
    with turn:
        async with (
            _received(request, gateway.system.settings.data_dir) as file,
            gateway.limits.import_turn,
            _opened(file) as archive,
        ):
            named = archive.manifest.session_id
            if gateway.sessions.signed and named != journey:
                raise _not_its_journey()
            exchange.journey = named
            done = await import_archive(gateway.system.store, archive, gateway.system.embedder)
    return ImportedJourney(
        session_id=session_id if gateway.sessions.signed and session_id else done.session_id,
        changed=done.changed,
        seq=done.seq,
        digest=done.digest,
        outcomes_here=done.outcomes_here,
        outcomes_written=done.outcomes_written,
        rows_written=done.rows_written,
    )


def _not_its_journey() -> Unauthorized:
    return Unauthorized(
        "The archive is of another journey than this session id.",
        next_step="Open the journey by its own link, and import the archive there. Nothing was changed here.",
    )


def _journey_here(gateway: Gateway, exchange: Exchange, session_id: str | None) -> str | None:
    """Return the journey of the reader who imports; None where ids are not signed and none is given."""
    if session_id is None and not gateway.sessions.signed:
        return None
    return journey_of(gateway, exchange, session_id or "")


async def _drain(request: Request) -> None:
    """Read a body that is refused unread, so that its sender comes to read the refusal."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for piece in request.stream():
                size += len(piece)
                if size > _DRAINED:
                    return


@asynccontextmanager
async def _received(request: Request, directory: Path) -> AsyncIterator[IO[bytes]]:
    """Write the body to a file without a name, which only this process has. Raises `BodyTooLarge`."""
    file = await asyncio.to_thread(_nameless_file, directory)
    with file:
        size = int(declared) if (declared := request.headers.get("content-length", "")).isdecimal() else 0
        _check_packed(size)
        try:
            async with asyncio.timeout(RECEIVE_SECONDS):
                await _write(request, file)
        except TimeoutError:
            raise InvalidInput(
                f"The archive had not arrived after {RECEIVE_SECONDS:,} seconds.",
                next_step="Send it again, or import it on the server, with `qdpi import FILE`.",
            ) from None
        yield file


async def _write(request: Request, file: IO[bytes]) -> None:
    size = 0
    async for piece in request.stream():
        size += len(piece)
        _check_packed(size)
        await asyncio.to_thread(file.write, piece)


def _nameless_file(directory: Path) -> IO[bytes]:
    """Open a file in the data directory where there is one: the system's own for such files may be in memory."""
    return tempfile.TemporaryFile(dir=directory if directory.is_dir() else None)


def _check_packed(size: int) -> None:
    if size > PACKED_LIMIT:
        raise BodyTooLarge(
            f"The archive has over {PACKED_LIMIT:,} bytes.",
            next_step="Import it on the server, with `qdpi import FILE`.",
        )


@asynccontextmanager
async def _opened(file: IO[bytes]) -> AsyncIterator[Archive]:
    with ExitStack() as stack:
        archive = await asyncio.to_thread(lambda: stack.enter_context(open_packed(file, _CALLED)))
        check_size(archive, UNPACKED_LIMIT)
        yield archive
