"""The start page, and the files of the reader's page under their version."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from qdpi.gateway.context import GatewayDep
from qdpi.gateway.negotiation import NOT_MODIFIED, accepts_gzip, conditional
from qdpi.gateway.problems import Refusal, problem
from qdpi.gateway.web_files import MEDIA_TYPES, PREFIX, WebFile, shipped_files

IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""The cache-control of a file under its version: a browser asks for it once."""
SHELL: Final = "index.html"

router = APIRouter(tags=["operations"])


@router.get("/", summary="Start page", response_class=HTMLResponse, responses={**NOT_MODIFIED})
async def index(request: Request, gateway: GatewayDep) -> Response:
    """Return the page that introduces the project and lets a visitor try it. It is asked for anew at each visit."""
    root_path = gateway.system.settings.root_path
    return conditional(
        shipped_files().shell(SHELL, root_path), request.headers.get("if-none-match"), media_type=MEDIA_TYPES[".html"]
    )


@router.get(f"{PREFIX}{{version}}/{{name:path}}", include_in_schema=False)
async def web_file(version: str, name: str, request: Request) -> Response:
    """Return a file of the reader's page. An address never changes what it answers."""
    found = shipped_files().find(version, name)
    if found is None or name == SHELL:
        raise _unknown(version, name)
    body, encoding = _encoded(found, request.headers.get("accept-encoding", ""))
    headers = {"cache-control": IMMUTABLE, **encoding}
    etag = f'W/"{version}"'  # names the version of all files; the address names the file
    return conditional(
        body, request.headers.get("if-none-match"), media_type=found.media_type, etag=etag, headers=headers
    )


def _encoded(found: WebFile, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
    packed = found.gzipped if accepts_gzip(accept_encoding) else None
    return (found.body, {}) if packed is None else (packed, {"content-encoding": "gzip"})


def _unknown(version: str, name: str) -> Refusal:
    detail = (
        f"There is no file {name!r:.80} of version {version!r:.40}; this server has version {shipped_files().version}."
    )
    return Refusal(
        problem(
            "unknown_file", HTTPStatus.NOT_FOUND, detail, "Load the page again: it names the files of its version."
        ),
        {"cache-control": "no-store"},
    )
