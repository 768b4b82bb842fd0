"""What a request says of the answers that it can take: which it has already (RFC 9110, 13), and whether compressed.

All ETags are weak: an answer has the same one whether it is compressed or not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from fastapi import Response
from pydantic import BaseModel

from qdpi import __version__

NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "The client already has this answer."}}
"""What OpenAPI says of a route that answers conditional requests."""
REVALIDATED: Final = "no-cache"
"""The cache-control of an answer that may be kept, and must be asked for again before each use."""
_TAGS: Final = re.compile(r'(?:W/)?"[^"]*"')
_DIGITS: Final = 32


def weak(etag: str) -> str:
    """Return an ETag as a weak one."""
    return etag if etag.startswith("W/") else f"W/{etag}"


def etag_of(body: bytes) -> str:
    """Return the ETag of an answer, by its bytes before compression."""
    return f'W/"{hashlib.sha256(body).hexdigest()[:_DIGITS]}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Return whether a client that sends this `If-None-Match` has the answer of this ETag."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or weak(etag) in map(weak, _TAGS.findall(if_none_match))


def not_modified(if_none_match: str | None, etag: str, headers: Mapping[str, str] | None = None) -> Response | None:
    """Return a 304 where the client has the answer of this ETag, which then need not be made; else None."""
    if not matches(if_none_match, etag):
        return None
    return Response(status_code=304, headers={"etag": etag, "cache-control": REVALIDATED, **(headers or {})})


def conditional(
    body: bytes,
    if_none_match: str | None,
    *,
    media_type: str = "application/json",
    etag: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an answer, or a 304 where the client has it; `etag` is by default that of the body.

    `headers` are those of both; without a `cache-control` among them the answer is to be revalidated at each use.
    """
    tag = etag or etag_of(body)
    both = {"etag": tag, "cache-control": REVALIDATED, **(headers or {})}
    return not_modified(if_none_match, tag, headers) or Response(body, media_type=media_type, headers=both)


def conditional_model(
    model: BaseModel, if_none_match: str | None, *, etag: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a model as JSON, or a 304 where the client has it."""
    return conditional(model.model_dump_json().encode(), if_none_match, etag=etag, headers=headers)


@cache
def shape_of(model: type[BaseModel]) -> str:
    """Return what an ETag that is no hash of its body must have: it changes with the product and the model's fields.

    Otherwise a browser would keep the answers of the version before an upgrade.
    """
    schema = json.dumps(model.model_json_schema(), sort_keys=True)
    return hashlib.sha256(f"{__version__} {schema}".encode()).hexdigest()[:8]


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether a client accepts gzip, by its header's value (RFC 9110, 12.5.3)."""
    weights = dict(_weighted(part) for part in accept_encoding.lower().split(","))
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _weighted(part: str) -> tuple[str, float]:
    coding, *parameters = (piece.strip() for piece in part.split(";"))
    given = [value.strip() for name, _, value in (p.partition("=") for p in parameters) if name.strip() == "q"]
    try:
        return coding, float(given[0]) if given else 1.0
    except ValueError:
        return coding, 0.0
