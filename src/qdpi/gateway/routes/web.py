"""The files of the reader's page under their version, and the style sheet of the book's colours."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response

from qdpi.gateway.colors import VOICES_PREFIX, voice_styles
from qdpi.gateway.context import GatewayDep
from qdpi.gateway.negotiation import accepts_gzip, conditional
from qdpi.gateway.problems import Refusal, problem
from qdpi.gateway.web_files import MEDIA_TYPES, PREFIX, WebFile, shipped_files

IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""The cache-control of a file under its version: a browser asks for it once."""

router = APIRouter(tags=["operations"])


@router.get(f"{PREFIX}{{version}}/{{name:path}}", include_in_schema=False)
async def web_file(version: str, name: str, request: Request) -> Response:
    """Return a file of the reader's page. An address never changes what it answers."""
    found = shipped_files().find(version, name)
    if found is None:
        raise _unknown(version, name)
    body, encoding = _encoded(found, request.headers.get("accept-encoding", ""))
    headers = {"cache-control": IMMUTABLE, **encoding}
    etag = f'W/"{version}"'  # names the version of all files; the address names the file
    return conditional(
        body, request.headers.get("if-none-match"), media_type=found.media_type, etag=etag, headers=headers
    )


@router.get(f"{VOICES_PREFIX}{{version}}/voices.css", include_in_schema=False)
async def voice_colors(version: str, gateway: GatewayDep, request: Request) -> Response:
    """Return the colours of the book's voices as custom properties. An address never changes what it answers."""
    styles = voice_styles((await gateway.system.editions.current()).revision.voices)
    if version != styles.version:
        detail = f"There are no colours of version {version!r:.40}; the current book's are {styles.version}."
        raise _gone(detail)
    return conditional(
        styles.css.encode(),
        request.headers.get("if-none-match"),
        media_type=MEDIA_TYPES[".css"],
        etag=f'W/"{version}"',
        headers={"cache-control": IMMUTABLE},
    )


def _encoded(found: WebFile, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
    packed = found.gzipped if accepts_gzip(accept_encoding) else None
    return (found.served, {}) if packed is None else (packed, {"content-encoding": "gzip"})


def _unknown(version: str, name: str) -> Refusal:
    return _gone(
        f"There is no file {name!r:.80} of version {version!r:.40}; this server has version {shipped_files().version}."
    )


def _gone(detail: str) -> Refusal:
    return Refusal(
        problem(
            "unknown_file", HTTPStatus.NOT_FOUND, detail, "Load the page again: it names the files of its version."
        ),
        {"cache-control": "no-store"},
    )
