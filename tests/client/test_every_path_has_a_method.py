"""The client compared with /openapi.json: each operation has one method, with all its parameters."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from tests.support.gateway import settings

from qdpi.bootstrap import build_system
from qdpi.client import Client, Refused, UnreadableAnswer
from qdpi.gateway.app import create_app

NOT_FOR_PROGRAMS = {("GET", "/metrics")}
HTML = "text/html"
FILE = "application/zip"
ABOUT_THE_CONNECTION = {"on_wait"}
UNSAID = {"x-request-id", "traceparent"}
VALUES: dict[str, Any] = {"after": 3, "limit": 7, "at": 2, "code": 17, "symbol_code": 18, "id": "S01-P0001"}


class Operation(NamedTuple):
    method: str
    path: str
    parameters: frozenset[str]


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            if HTML in about.get("responses", {}).get("200", {}).get("content", {}):
                continue  # a page for a browser
            named = {parameter["name"].lower() for parameter in about.get("parameters", ())}
            yield Operation(method.upper(), path, frozenset((named | body_fields(document, about)) - UNSAID))


def body_fields(document: dict[str, Any], about: dict[str, Any]) -> set[str]:
    if FILE in about.get("requestBody", {}).get("content", {}):
        return {"archive"}
    content = about.get("requestBody", {}).get("content", {}).get("application/json", {})
    options = [content.get("schema", {}), *content.get("schema", {}).get("anyOf", ())]
    references = [option["$ref"].rpartition("/")[2] for option in options if "$ref" in option]
    return {name for each in references for name in document["components"]["schemas"][each]["properties"]}


class Recorder(httpx.AsyncBaseTransport):
    """A transport that records requests and answers each with an unreadable response."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.asked.append(request)
        return httpx.Response(418, request=request)


def methods() -> list[str]:
    public = inspect.getmembers(Client, inspect.isfunction)
    return sorted(name for name, _ in public if not name.startswith("_") and name != "close")


async def call(name: str) -> tuple[httpx.Request, set[str]]:
    recorder = Recorder()
    async with Client("http://gateway", transport=recorder) as client:
        method = getattr(client, name)
        wanted = [p for p in inspect.signature(method).parameters if p not in ABOUT_THE_CONNECTION]
        answer = method(**{p: VALUES.get(p, f"a-{p}") for p in wanted})
        with suppress(Refused, UnreadableAnswer):
            if hasattr(answer, "__aenter__"):
                await answer.__aenter__()
            await (anext(answer) if hasattr(answer, "__anext__") else answer)
    (request,) = recorder.asked
    return request, set(wanted)


def sent(request: httpx.Request, path: str) -> set[str]:
    in_path = set(re.findall(r"{(\w+)}", path))
    is_file = request.headers.get("content-type") == FILE
    in_body = {"archive"} if is_file else set(json.loads(request.content)) if request.content else set()
    return in_path | set(request.url.params) | in_body


def matches(operation: Operation, request: httpx.Request) -> bool:
    pattern = re.sub(r"{\w+}", "[^/]+", operation.path)
    return operation.method == request.method and re.fullmatch(pattern, request.url.path) is not None


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> list[Operation]:
    directory: Path = tmp_path_factory.mktemp("described")
    document = create_app(build_system(settings(directory))).openapi()
    return [each for each in operations(document) if each[:2] not in NOT_FOR_PROGRAMS]


async def test_each_operation_has_one_method(described: list[Operation]):
    """Each path and HTTP method of the gateway is called by one method of the client."""
    requests = [(await call(name))[0] for name in methods()]

    callers = {each: sum(matches(each, request) for request in requests) for each in described}
    assert {each[:2]: count for each, count in callers.items() if count != 1} == {}
    assert len(requests) == len(described)


@pytest.mark.parametrize("name", methods())
async def test_method_parameters_match_path(name: str, described: list[Operation]):
    """A method has its path's parameters and sends all of them."""
    request, wanted = await call(name)
    (operation,) = [each for each in described if matches(each, request)]
    by_itself = {"last-event-id", "if-none-match"}  # the client keeps these and sends them when it comes back

    assert wanted == operation.parameters - by_itself
    assert sent(request, operation.path) == wanted
