"""HTTP calls to a gateway over one connection pool; responses become models or errors."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from qdpi import __version__
from qdpi.api.requests import Body
from qdpi.client.errors import UnreadableAnswer, refused, shown, unreachable

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=BaseModel)
ANSWER_SECONDS: Final = 30.0
"""Timeout of a response."""
KEPT_ANSWERS: Final = 256
"""How many answers with an ETag are kept, so that they are not sent again."""
QUIET_SECONDS: Final = 60.0
"""A stream without data for this long counts as broken; the gateway sends a ping every 15 s."""
_FILE_NAME: Final = re.compile(r'filename="([A-Za-z0-9_-][A-Za-z0-9._-]{0,127})"')
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


class Calls:
    """Calls to one gateway, over one pool of connections."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None) -> None:
        self._kept: OrderedDict[tuple[str, ...], tuple[str, BaseModel]] = OrderedDict()
        self.http = httpx.AsyncClient(
            base_url=url,
            transport=transport,
            timeout=ANSWER_SECONDS,
            headers={"user-agent": f"qdpi/{__version__}"},
            mounts={f"all://{host}": None for host in _LOOPBACK}
            if transport is None
            else None,  # never through a proxy
        )

    @property
    def url(self) -> str:
        """The gateway's address."""
        return str(self.http.base_url).rstrip("/")

    async def get(self, model: type[ModelT], path: str, params: Mapping[str, Any] | None = None) -> ModelT:
        """Return the response to a GET request as a model."""
        return parse(await self.request("GET", path, params=without_none(params or {})), model.model_validate_json)

    async def get_kept(self, model: type[ModelT], path: str, params: Mapping[str, Any] | None = None) -> ModelT:
        """Return the response to a GET request as `get` does; one that the gateway says is unchanged is kept here."""
        query = without_none(params or {})
        key = (path, *map(str, query.items()))
        known = self._kept.get(key)
        headers = {"if-none-match": known[0]} if known else {}
        response = await self.request("GET", path, params=query, headers=headers)
        if response.status_code == HTTPStatus.NOT_MODIFIED and known is not None and isinstance(known[1], model):
            self._kept.move_to_end(key)
            return known[1]
        answer = parse(response, model.model_validate_json)
        self._keep(key, response.headers.get("etag"), answer)
        return answer

    def _keep(self, key: tuple[str, ...], etag: str | None, answer: BaseModel) -> None:
        self._kept.pop(key, None)
        if etag is not None:
            self._kept[key] = (etag, answer)
        while len(self._kept) > KEPT_ANSWERS:
            self._kept.popitem(last=False)

    async def post(self, model: type[ModelT], path: str, body: Body, timeout: float = ANSWER_SECONDS) -> ModelT:
        """Return the response to a body as a model. Fields that are None are not sent; the gateway validates."""
        fields = body.model_dump(mode="json", exclude_none=True, warnings=False)
        return parse(await self.request("POST", path, json=fields, timeout=timeout), model.model_validate_json)

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return a response. Raises `Refused`, `GatewayUnreachable` or `UnreadableAnswer`."""
        try:
            response = await self.http.request(method, path, **options)
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error
        if response.is_success or response.status_code == HTTPStatus.NOT_MODIFIED:
            return response
        raise refused(response)

    @asynccontextmanager
    async def open(
        self, path: str, params: Mapping[str, Any], headers: Mapping[str, str], quiet: float | None
    ) -> AsyncIterator[httpx.Response]:
        """Open a streamed response, with a timeout of `quiet` seconds between two chunks."""
        timeout = httpx.Timeout(ANSWER_SECONDS, read=quiet)
        request = self.http.build_request("GET", path, params=without_none(params), headers=headers, timeout=timeout)
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


class ExportedFile(NamedTuple):
    """A file being downloaded: the name to save it under, its media type, and its bytes in chunks."""

    name: str
    media_type: str
    pieces: AsyncIterator[bytes]


def exported_file(response: httpx.Response) -> ExportedFile:
    """Return a response that is a file. Its name is a plain file name, so it cannot lead to another folder."""
    disposition = response.headers.get("content-disposition", "")
    named = _FILE_NAME.search(disposition)
    return ExportedFile(
        name=named[1] if named else "journey",
        media_type=response.headers.get("content-type", "application/octet-stream"),
        pieces=response.aiter_bytes(),
    )


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def segment(value: object) -> str:
    """Return a value as one segment of a path."""
    return quote(str(value), safe="")


def parse(response: httpx.Response, how: Callable[[bytes], T]) -> T:
    """Parse a response. Raises `UnreadableAnswer`."""
    try:
        return how(response.content)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"])) or "it"
        raise UnreadableAnswer(
            f"The response of {shown(response.url)} is not valid: {place}: {fault['msg']}."
        ) from error
