"""OpenAPI and the gateway agree: what a schema admits is not malformed, and what it does not admit is refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.gateway import GatewayFixture, gateway_in
from tests.support.schemas import admitted, refused

MALFORMED = {400, 422}
OPAQUE = {"cursor", "at", "if-none-match"}
"""Whether these are right depends on what is stored, beside their form; `if-none-match` is never wrong."""
LENIENT = {"ids", "edge", "if-none-match"}
"""What names nothing is answered: as missing, or with no hits."""
RIGHT = {
    "session_id": "reader", "id": "S01-P0001", "page_id": "S01-P0001", "code": "0", "q": "*", "ids": "S01-P0001",
    "character": "0", "symbol_code": 0, "user_intent": "Why?", "event_id": "e",
}  # fmt: skip
EMPTY_IS_NONE = {"character", "section", "behavior", "trajectory", "edge", "after", "Last-Event-ID"}
"""Of these an empty value, or a list of empty ones, is none."""
Ask = Callable[["Operation", Mapping[str, Any], Any], httpx.Response]
"""Sends a request with the values of its parameters and its body."""
EXAMPLES = 12


class Operation(NamedTuple):
    """A method of a path with its parameters and its body's schema."""

    method: str
    path: str
    parameters: tuple[Mapping[str, Any], ...]
    body: Mapping[str, Any] | None


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            content = about.get("requestBody", {}).get("content", {})
            if "application/zip" in content:
                continue  # a file, which no schema describes: tests/gateway/test_import.py
            body = content["application/json"]["schema"] if content else None
            yield Operation(method.upper(), path, tuple(about.get("parameters", ())), body)


async def send(gateway: GatewayFixture, operation: Operation, values: Mapping[str, Any], body: Any) -> httpx.Response:
    """Send a request; of a stream, its headers."""
    places = {parameter["name"]: parameter["in"] for parameter in operation.parameters}
    path = operation.path.format(**{name: quote(str(value), safe="") for name, value in values.items()})
    query = {name: value for name, value in values.items() if places[name] == "query"}
    headers = httpx.Headers(
        {name: str(value) for name, value in values.items() if places[name] == "header"}, encoding="latin-1"
    )
    method = "HEAD" if operation.path.endswith("/event/stream") else operation.method
    return await gateway.client.request(
        method, f"{path}?{urlencode(query)}", headers=headers, json=body if operation.body else None
    )


def parameters_of(operation: Operation, definitions: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    known = {each["name"]: each for each in operation.parameters if each["name"] not in OPAQUE}
    strategies = {name: admitted(each["schema"], definitions) for name, each in known.items()}
    # a search of a journey, and a page's alternatives, need a session
    required = {name: strategies.pop(name) for name in known if known[name]["required"] or name == "session_id"}
    return st.fixed_dictionaries(required, optional=strategies)


def body_of(operation: Operation, definitions: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    return admitted(operation.body, definitions) if operation.body else st.none()


def consistent(operation: Operation, values: Mapping[str, Any], body: Any) -> Any:
    """Return a body that does not contradict its path: a branch's page stands in both."""
    if operation.path.endswith("/branch/{id}") and isinstance(body, dict) and body.get("page_id") is not None:
        return {**body, "page_id": values["id"]}
    return body


def try_examples(strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(example=strategy)
    def tried(example: Any) -> None:
        check(example)

    tried()


def check_right(ask: Ask, operation: Operation, definitions: Mapping[str, Any]) -> None:
    """Check that an operation takes what its schemas admit."""

    def check(request: tuple[dict[str, Any], Any]) -> None:
        values, body = request
        answer = ask(operation, values, consistent(operation, values, body))
        assert answer.status_code not in MALFORMED | {405, 500}, (operation[:2], request, answer.text)

    try_examples(st.tuples(parameters_of(operation, definitions), body_of(operation, definitions)), check)


def check_wrong(ask: Ask, operation: Operation, definitions: Mapping[str, Any]) -> None:
    """Check that an operation refuses one value that its schema does not admit, among right ones."""
    values = {each["name"]: RIGHT[each["name"]] for each in operation.parameters if each["name"] in RIGHT}
    if operation.path.endswith("/section/{id}"):
        values["id"] = "1"

    def refuses_parameter(name: str, wrong: str) -> None:
        means_none = name in EMPTY_IS_NONE and not wrong.strip(" ,")
        is_another_path = wrong in {"", ".", ".."}
        if not means_none and not is_another_path:
            answer = ask(operation, values | {name: wrong}, RIGHT)
            assert 400 <= answer.status_code < 500, (operation[:2], name, wrong, answer.text)

    def refuses_field(name: str, wrong: str) -> None:
        answer = ask(operation, values, RIGHT | {name: wrong})
        assert 400 <= answer.status_code < 500, (operation[:2], name, wrong, answer.text)

    for parameter in operation.parameters:
        if parameter["name"] not in LENIENT:
            try_examples(refused(parameter["schema"], definitions), partial(refuses_parameter, parameter["name"]))
    for name, schema in fields_of(operation, definitions).items():
        try_examples(refused(schema, definitions), partial(refuses_field, name))


def fields_of(operation: Operation, definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    body = operation.body or {}
    named = [option["$ref"] for option in (body, *body.get("anyOf", ())) if "$ref" in option]
    fields: Mapping[str, Any] = definitions[named[0].rpartition("/")[2]]["properties"] if named else {}
    return fields


@pytest.mark.slow
@pytest.mark.parametrize("signed", [False, True], ids=["open sessions", "signed sessions"])
@pytest.mark.parametrize("check", [check_right, check_wrong], ids=["right", "wrong"])
async def test_schemas_and_gateway_agree(tmp_path: Path, signed: bool, check: Callable[..., None]):
    """Of every operation, those of routes to come included."""
    options: dict[str, Any] = {"secret": "a secret of sixteen characters"} if signed else {}
    async with gateway_in(tmp_path, answers=True, max_waiting=1_000_000, run_timeout=5, **options) as gateway:
        document = (await gateway.client.get("/openapi.json")).json()
        loop = asyncio.get_running_loop()

        def ask(operation: Operation, values: Mapping[str, Any], body: Any) -> httpx.Response:
            return asyncio.run_coroutine_threadsafe(send(gateway, operation, values, body), loop).result(60)

        for operation in operations(document):
            await asyncio.to_thread(check, ask, operation, document["components"]["schemas"])


async def test_every_parameter_has_a_bound(tmp_path: Path):
    """A new parameter, too. Two take whatever text is given."""
    async with gateway_in(tmp_path, book=False) as gateway:
        document = (await gateway.client.get("/openapi.json")).json()
    unbounded = {
        each["name"]
        for operation in operations(document)
        for each in operation.parameters
        if not bounded(each["schema"])
    }
    assert unbounded == {"edge", "if-none-match"}
    bodies = {name: schema for name, schema in document["components"]["schemas"].items() if name.endswith("Body")}
    assert len(bodies) >= 7
    for name, schema in bodies.items():
        for field, described in schema["properties"].items():
            assert bounded(described), (name, field)


def bounded(schema: Mapping[str, Any]) -> bool:
    if "anyOf" in schema:
        return all(option.get("type") == "null" or bounded(option) for option in schema["anyOf"])
    return bool(schema.keys() & {"pattern", "enum", "format", "$ref"}) or {"minimum", "maximum"} <= schema.keys()


async def test_session_ids_of_a_signing_gateway_are_described_as_signed(tmp_path: Path):
    async with gateway_in(tmp_path, secret="a secret of tests") as gateway:
        document = (await gateway.client.get("/openapi.json")).json()
        issued = (await gateway.client.post("/api/v1/session")).json()["session_id"]
    (parameter,) = [
        each for each in document["paths"]["/api/v1/export/{session_id}"]["get"]["parameters"] if each["in"] == "path"
    ]
    assert re.fullmatch(parameter["schema"]["pattern"], issued)
