"""One connection pool to a gateway: calls go out, answers come back as models or are raised as what they are."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from qdpi import __version__
from qdpi.api.requests import Body
from qdpi.client.errors import UnreadableAnswer, refused, unreachable

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=BaseModel)
ANSWER_SECONDS: Final = 30.0
"""How long an answer may take."""
QUIET_SECONDS: Final = 60.0
"""After how long without a sign of life a stream is taken for broken; the gateway gives one every 15 s."""
_FILE_NAME: Final = re.compile(r'filename="([A-Za-z0-9_-][A-Za-z0-9._-]{0,127})"')
_HERE: Final = ("127.0.0.1", "localhost", "[::1]")


class Calls:
    """Calls to one gateway."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None) -> None:
        self.http = httpx.AsyncClient(
            base_url=url,
            transport=transport,
            timeout=ANSWER_SECONDS,
            headers={"user-agent": f"qdpi/{__version__}"},
            mounts={f"all://{host}": None for host in _HERE} if transport is None else None,  # no proxy reaches these
        )

    @property
    def url(self) -> str:
        """The gateway's address."""
        return str(self.http.base_url).rstrip("/")

    async def get(self, model: type[ModelT], path: str, params: Mapping[str, Any] | None = None) -> ModelT:
        """Return what is at a path."""
        return read(await self.answer("GET", path, params=given(params or {})), model.model_validate_json)

    async def post(self, model: type[ModelT], path: str, body: Body, timeout: float = ANSWER_SECONDS) -> ModelT:
        """Return the answer to a body. Fields that are None are not sent; the gateway validates the others."""
        fields = body.model_dump(mode="json", exclude_none=True, warnings=False)
        return read(await self.answer("POST", path, json=fields, timeout=timeout), model.model_validate_json)

    async def answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Return an answer as it came. Raises `Refused`, `GatewayUnreachable` or `UnreadableAnswer`."""
        try:
            response = await self.http.request(method, path, **request)
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error
        if response.is_success or response.status_code == HTTPStatus.NOT_MODIFIED:
            return response
        raise refused(response)

    @asynccontextmanager
    async def open(
        self, path: str, params: Mapping[str, Any], headers: Mapping[str, str], quiet: float | None
    ) -> AsyncIterator[httpx.Response]:
        """Open an answer that comes in pieces, none more than `quiet` seconds after the one before."""
        timeout = httpx.Timeout(ANSWER_SECONDS, read=quiet)
        request = self.http.build_request("GET", path, params=given(params), headers=headers, timeout=timeout)
        try:
            response = await self.http.send(request, stream=True)
            try:
                if not response.is_success:
                    await response.aread()
                    raise refused(response)
                yield response
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error


class Exported(NamedTuple):
    """A file as it comes: the name to save it under, its media type, and its bytes in pieces."""

    name: str
    media_type: str
    pieces: AsyncIterator[bytes]


def exported(response: httpx.Response) -> Exported:
    """Return an answer that is a file. Its name is plain, whoever answers: it leads to no other folder."""
    disposition = response.headers.get("content-disposition", "")
    named = _FILE_NAME.search(disposition)
    return Exported(
        name=named[1] if named else "journey",
        media_type=response.headers.get("content-type", "application/octet-stream"),
        pieces=response.aiter_bytes(),
    )


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def part(value: object) -> str:
    """Return a value as one part of a path."""
    return quote(str(value), safe="")


def read(response: httpx.Response, how: Callable[[bytes], T]) -> T:
    """Read an answer. Raises `UnreadableAnswer`."""
    try:
        return how(response.content)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"])) or "it"
        raise UnreadableAnswer(
            f"{response.url} gave an answer that cannot be read: {place}: {fault['msg']}."
        ) from error
