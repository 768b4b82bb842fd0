"""Attacks from a browser: pages of other sites, and names of others that lead to this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers
from tests.support.gateway import gateway_in, served, system_in

from qdpi.errors import InvalidSetting
from qdpi.gateway.doors import Doors, in_origin_form
from qdpi.settings import Settings, load_settings

ELSEWHERE = "https://evil.example"
HERE = "127.0.0.1:8000"


def code(headers: Mapping[str, str] | list[tuple[str, str]], method: str | None = "POST", **settings: Any) -> str:
    """Return the code of the refusal of a request, "" where it is served."""
    listed = list(headers.items()) if isinstance(headers, Mapping) else headers
    raw = [(name.lower().encode(), value.encode()) for name, value in listed]
    refusal = Doors.of(Settings(**settings)).refusal(method, Headers(raw=raw))
    return refusal.code if refusal else ""


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "TRACE", "QUERY", None])
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": ELSEWHERE},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "CROSS-SITE"},
        {"sec-fetch-site": "cross-site", "origin": f"http://{HERE}"},
        {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:3000"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "anything-new"},
        {"sec-fetch-site": "none", "origin": ELSEWHERE},
        {"origin": ELSEWHERE},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "https://127.0.0.1:8000.evil.example"},
        {"origin": "http://user@127.0.0.1:8000"},
        {"origin": f"chrome-extension://{HERE}"},
        {"origin": "file://"},
    ],
)
def test_another_site_changes_nothing(method: str | None, headers: dict[str, str]) -> None:
    """With every method that may, and with the handshake of a WebSocket."""
    assert code({"host": HERE, **headers}, method) == "forbidden_origin"


def test_several_values_are_not_the_first_one() -> None:
    host = ("host", HERE)
    for pair in ([("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
                 [("origin", f"http://{HERE}"), ("origin", ELSEWHERE)]):  # fmt: skip
        assert code([host, *pair]) == "forbidden_origin"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin", "origin": f"http://{HERE}"},
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"sec-fetch-site": "none"},
        {"origin": f"http://{HERE}"},
        {"origin": f"HTTP://{HERE}"},
    ],
)
@pytest.mark.parametrize("method", ["POST", None])
def test_own_pages_and_programs_are_served(headers: dict[str, str], method: str | None) -> None:
    assert code({"host": HERE, **headers}, method) == ""


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_another_site_may_link_to_the_book(method: str) -> None:
    assert code({"host": HERE, "sec-fetch-site": "cross-site", "origin": ELSEWHERE}, method) == ""


@pytest.mark.parametrize("site", ["cross-site", "same-site", ""])
def test_a_named_origin_is_served(site: str) -> None:
    headers = {"host": HERE, "origin": ELSEWHERE} | ({"sec-fetch-site": site} if site else {})
    assert code(headers, cors_origins=ELSEWHERE) == code(headers, cors_origins="*") == ""
    assert code(headers, cors_origins="https://other.example") == "forbidden_origin"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "DELETE", None])
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example:8000", "10.0.0.1:8000",
     "0.0.0.0:8000", "[2001:db8::1]:8000", "localhost@evil.example", "", "localhost, evil.example"],
)  # fmt: skip
def test_a_rebound_name_is_not_served(method: str | None, host: str) -> None:
    """Its page would be of the same origin: the browser says so, and it is true."""
    headers = {"host": host, "sec-fetch-site": "same-origin", "origin": f"http://{host}"}
    for listens in ("127.0.0.1", "::1", "localhost", "127.0.0.9"):
        assert code(headers, method, host=listens) == "unknown_host"


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "localhost.:8000", "book.localhost", "127.0.0.1", "[::1]:8000", "[::ffff:127.0.0.1]"],  # noqa: E501
)  # fmt: skip
def test_a_loopback_name_is_served(host: str) -> None:
    assert code({"host": host}, "GET") == code({"host": host, "origin": f"http://{host}"}) == ""


def test_two_hosts_are_none() -> None:
    twice = [("host", "localhost"), ("host", "evil.example")]
    assert code(twice, "GET") == code(twice, "GET", host="0.0.0.0", hosts=None) == "unknown_host"
    assert code([], "GET") == "unknown_host"


def test_a_name_of_the_setting_is_served_whatever_the_port() -> None:
    named = {"hosts": "book.example, other.example:8443"}
    for host in ("book.example", "BOOK.example.", "book.example:80", "other.example", "localhost"):
        assert code({"host": host}, "GET", **named) == ""
    assert code({"host": "evil.example"}, "GET", **named) == "unknown_host"


@pytest.mark.parametrize(
    ("origin", "refused"),
    [
        ("https://book.example", ""), ("http://book.example", ""), ("https://other.example:8443", ""),
        ("https://book.example:8443", "forbidden_origin"), ("https://evil.example", "forbidden_origin"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("host", [HERE, "book.example", "book.example:443"])
def test_an_old_browser_behind_a_proxy(origin: str, refused: str, host: str) -> None:
    """The proxy passes the readers' host on, or asks by its own. The browser says its origin alone."""
    named = {"hosts": "book.example, other.example:8443"}
    assert code({"host": host, "origin": origin}, **named) == refused


def test_an_address_of_a_network_is_served_by_every_name_unless_its_names_are_given() -> None:
    """An IP address is served always: no name server can turn it into another."""
    listens = {"host": "0.0.0.0"}
    assert code({"host": "book.example"}, "GET", **listens) == code({}, "GET", **listens) == ""
    named = {**listens, "hosts": "book.example"}
    for host in ("book.example", "10.0.0.1:8000", "[2001:db8::1]", "localhost:8000"):
        assert code({"host": host}, "GET", **named) == ""
    assert code({"host": "evil.example"}, "GET", **named) == "unknown_host"


@pytest.mark.parametrize("name", ["https://book.example", "book.example/x", "a b", "user@host", "*", "host:port"])
def test_what_is_no_host_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(InvalidSetting, match="QDPI_HOSTS names "):
        Doors.of(load_settings({"QDPI_HOSTS": f"book.example,{name}"}))


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        ("http://evil.example/api/v1/canon", "/api/v1/canon", "evil.example"),
        ("HTTPS://localhost:8000", "/", "localhost:8000"),
        ("http://user@evil.example/p%20x", "/p x", "user@evil.example"),
    ],
)
def test_the_host_of_a_target_counts_before_the_header(target: str, path: str, host: str) -> None:
    headers = [(b"host", b"localhost"), (b"x", b"y")]
    scope = in_origin_form({"type": "http", "path": target, "raw_path": target.encode(), "headers": headers})
    assert (scope["path"], Headers(scope=scope).getlist("host")) == (path, [host])
    assert headers[0] == (b"host", b"localhost")


async def test_no_path_is_open_to_another_site(tmp_path: Path) -> None:
    """Signed or not: every path with every method that changes something, and without a body."""
    async with gateway_in(tmp_path) as gateway:
        paths = gateway.app.openapi()["paths"].items()
        changing = [(method, path) for path, methods in paths for method in methods if method in {"post", "delete"}]
        assert len(changing) >= 10
        for method, path in changing:
            headers = {"origin": ELSEWHERE, "sec-fetch-site": "cross-site"}
            answer = await gateway.client.request(method.upper(), path.replace("{code}", "0"), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden_origin"), path
        assert gateway.generator.presses.empty()
        rebound = await gateway.client.get("/api/v1/event/stream?session_id=reader", headers={"host": "evil.example"})
        assert (rebound.status_code, rebound.json()["code"]) == (421, "unknown_host")
        assert "QDPI_HOSTS" in rebound.json()["next_step"]


async def raw(address: str, request: str) -> tuple[int, Any]:
    """Send a request byte by byte as it is written; return the status and the body's code."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.replace("\n", "\r\n").encode())
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body).get("code") if b"json" in head else None


async def test_requests_as_bytes(tmp_path: Path) -> None:
    async with system_in(tmp_path, book=False) as system, served(system) as (address, _, _):
        end = "Connection: close\n\n"
        key = "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n"
        upgrade = f"Upgrade: websocket\nConnection: Upgrade\n{key}"
        follow = "GET /api/v1/event/ws?session_id=reader HTTP/1.1\n"
        asked = {
            f"GET http://evil.example/healthz HTTP/1.1\nHost: {address}\n{end}": (421, "unknown_host"),
            f"GET http://{address}/healthz HTTP/1.1\nHost: evil.example\n{end}": (200, None),
            f"GET /healthz HTTP/1.1\nHost: {address}\nHost: evil.example\n{end}": (400, None),
            "GET /healthz HTTP/1.0\n\n": (421, "unknown_host"),
            f"{follow}Host: evil.example\nOrigin: http://evil.example\n{upgrade}\n": (421, "unknown_host"),
            f"{follow}Host: {address}\nSec-Fetch-Site: cross-site\n{upgrade}\n": (403, "forbidden_origin"),
        }
        for request, expected in asked.items():
            assert await raw(address, request) == expected, request
        async with httpx.AsyncClient() as client:
            assert (await client.post(f"http://{address}/api/v1/session")).status_code == 200
