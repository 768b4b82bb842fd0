"""A gateway under a sub-path of a proxy (QDPI_ROOT_PATH), which takes the sub-path off or leaves it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest
from tests.support.gateway import gateway_in, listening, served, system_in
from websockets.asyncio.client import connect

from qdpi.api.responses import Following
from qdpi.client import Client
from qdpi.errors import InvalidSetting
from qdpi.gateway.root_path import inner_path
from qdpi.settings import Settings, load_settings

LINK = re.compile(r'(?:href|src)="([^"#]+)"')


@pytest.mark.parametrize(
    ("given", "root"),
    [("/book", "/book"), ("/book/", "/book"), ("book", "/book"), ("/", ""), ("", ""), ("/a/b-c_d.e~f/", "/a/b-c_d.e~f"),
     ("/api", "/api"), (" /book ", "/book")],
)  # fmt: skip
def test_a_sub_path_is_taken_with_and_without_slashes(given: str, root: str):
    assert load_settings({"QDPI_ROOT_PATH": given}).root_path == root


@pytest.mark.parametrize(
    "given", ["https://host/book", "/a//b", "/a/../b", "/.", "/a b", "/a?b", "/a#b", "/%2e", "/api/v1", "/api/v1/x",
              "/web", "/web/x", '/"onload="x'],
)  # fmt: skip
def test_what_is_no_sub_path_is_refused(given: str):
    with pytest.raises(InvalidSetting, match="QDPI_ROOT_PATH is "):
        Settings(root_path=given)


@pytest.mark.parametrize(
    ("path", "root", "inner"),
    [
        ("/book/api/v1/canon", "/book", "/api/v1/canon"),
        ("/api/v1/canon", "/book", "/api/v1/canon"),
        ("/book", "/book", "/"),
        ("/book/", "/book", "/"),
        ("/bookshelf", "/book", "/bookshelf"),
        ("/api/v1/canon", "/api", "/api/v1/canon"),
        ("/api/api/v1/canon", "/api", "/api/v1/canon"),
        ("/api/healthz", "/api", "/healthz"),
    ],
)
def test_a_sub_path_is_taken_off_once(path: str, root: str, inner: str):
    assert inner_path(path, root) == inner


@pytest.mark.parametrize("root", ["/book", "/some/deep/place", "/api"])
@pytest.mark.parametrize("stripped", [True, False], ids=["the proxy takes it off", "the proxy leaves it"])
async def test_all_is_served_under_a_sub_path(tmp_path: Path, root: str, stripped: bool):
    """The page with its files and links, OpenAPI, the glyphs, and the API itself."""
    async with gateway_in(tmp_path, root_path=root) as gateway:

        async def get(address: str) -> httpx.Response:
            """Ask as the proxy does that a browser has asked at `address`."""
            assert address == root or address.startswith(f"{root}/"), address
            return await gateway.client.get(address.removeprefix(root) or "/" if stripped else address)

        for start in (root, f"{root}/"):
            page = await get(start)
            assert page.status_code == 200
            links = [link for link in LINK.findall(page.text) if "://" not in link]
            assert len(links) >= 3
            for link in links:
                assert (await get(link)).status_code == 200, link
            assert "{root}" not in page.text
        document = (await get(f"{root}/openapi.json")).json()
        assert document["servers"] == [{"url": root}]
        symbols = (await get(f"{root}/api/v1/symbols")).json()
        assert (await get(symbols[31]["glyph"])).headers["content-type"] == "image/svg+xml; charset=utf-8"
        assert (await get(f"{root}/readyz")).json()["ready"] is True
        assert (await get(f"{root}/nowhere")).status_code == 404


async def test_without_a_sub_path_openapi_names_no_server(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        assert "servers" not in (await gateway.client.get("/openapi.json")).json()
        assert (await gateway.client.get("/book/healthz")).status_code == 404


@pytest.mark.parametrize("slash", ["", "/"])
async def test_client_and_streams_under_a_sub_path(tmp_path: Path, slash: str):
    """The typed client with a base URL that has a path, the event stream, and the WebSocket."""
    async with asyncio.timeout(60), system_in(tmp_path, root_path="/book") as system, served(system) as (address, _, _):
        async with Client(f"http://{address}/book{slash}") as client:
            session = (await client.session()).session_id
            assert (await client.canon()).book_id
            assert (await client.glyph(0)).startswith("<svg")
            stream = client.stream(session, after=0)
            assert isinstance(await anext(stream), Following)
            await stream.aclose()
        async with listening(f"{address}/book", session) as listener:
            assert (await listener.next()).event == "status"
        async with connect(f"ws://{address}/book/api/v1/event/ws?session_id={session}") as socket:
            assert json.loads(await socket.recv())["event"] == "status"
