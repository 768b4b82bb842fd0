"""POST /import."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs
from tests.export.journeys import READER, all_of, assert_nothing_stored, commit, exported, whole_journey
from tests.gateway.test_presses import assert_problem
from tests.support import factories
from tests.support.gateway import GatewayFixture, gateway_in, served, system_in, until

from qdpi.client import Client
from qdpi.export.archive.format import MANIFEST
from qdpi.gateway.limits import MOST_IMPORTS
from qdpi.gateway.routes import imports

PATH = "/api/v1/import"


async def archive_of(directory: Path, journey: str = READER) -> bytes:
    """Return the archive of a whole journey, made in a system of its own."""
    async with system_in(directory / "there") as system:
        await whole_journey(system.store)
        return await exported(system.store, journey=journey)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def post(gateway: GatewayFixture, body: bytes, **query: str) -> httpx.Response:
    return await gateway.client.post(PATH, content=body, params=query)


async def test_journey_comes_back_whole(tmp_path: Path):
    """As it was exported: outcomes, log, vault and place."""
    archive = await archive_of(tmp_path)
    async with gateway_in(tmp_path / "here") as gateway:
        answer = await post(gateway, archive)
        assert answer.status_code == 200
        told = answer.json()
        assert (told["session_id"], told["changed"], told["outcomes_here"]) == (READER, True, 0)
        assert await exported(gateway.system.store) == archive
        assert (await gateway.client.get(f"/api/v1/journey/{READER}")).json()["state"]["seq"] == told["seq"]


async def test_journey_that_is_here_is_unchanged(tmp_path: Path):
    archive = await archive_of(tmp_path)
    async with gateway_in(tmp_path / "here") as gateway:
        first = (await post(gateway, archive)).json()
        again = (await post(gateway, archive, session_id=READER)).json()
        assert again == first | {
            "changed": False, "outcomes_here": first["seq"], "outcomes_written": 0, "rows_written": 0
        }  # fmt: skip


async def test_journey_that_contradicts_the_one_here_is_refused(tmp_path: Path):
    """And nothing is changed."""
    archive = await archive_of(tmp_path)
    async with gateway_in(tmp_path / "here") as gateway:
        await commit(gateway.system.store, factories.outcome(READER, title="Another"))
        before = await all_of(gateway.system.store)
        answer = await post(gateway, archive)
        assert_problem(answer, 422, "archive_refused")
        assert (
            "outcomes.jsonl, line 1: the journey of this name has a different outcome here" in answer.json()["detail"]
        )
        assert await all_of(gateway.system.store) == before


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda raw: b"", "not a zip file"),
        (lambda raw: raw[: len(raw) // 2], "not a zip file"),
        (lambda raw: b"{}", "one file of an archive"),
        (lambda raw: b"\x1f\x8b" + raw, "a gzip file"),
        (lambda raw: raw[:-10] + b"\xff\xff\xff\x7f" + raw[-6:], "lists too many files"),
    ],
)
async def test_file_that_is_no_archive_is_refused(tmp_path: Path, damage, says: str):
    """The error names no path of the server."""
    archive = damage(await archive_of(tmp_path))
    async with gateway_in(tmp_path / "here") as gateway:
        answer = await post(gateway, archive)
        assert_problem(answer, 422, "archive_refused")
        assert says in answer.json()["detail"]
        assert str(tmp_path) not in answer.text
        await assert_nothing_stored(gateway.system.store)


async def test_unpacked_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """By what the manifest says, to which the files are held."""
    archive = await archive_of(tmp_path)
    monkeypatch.setattr(imports, "UNPACKED_LIMIT", 1_000)
    async with gateway_in(tmp_path / "here") as gateway:
        answer = await post(gateway, archive)
        assert_problem(answer, 422, "archive_refused")
        assert answer.json()["next_step"].startswith("Import it on the server")


async def test_file_longer_than_its_manifest_says_is_read_no_further(tmp_path: Path):
    """A bomb: a line that unpacks to a thousand times its size."""
    archive = await archive_of(tmp_path)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) + (b" " * (15 << 20) if name != MANIFEST else b""))
    async with gateway_in(tmp_path / "here") as gateway:
        answer = await post(gateway, packed.getvalue())
        assert_problem(answer, 422, "archive_refused")
        await assert_nothing_stored(gateway.system.store)


async def test_packed_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whether the sender says the size or not."""
    monkeypatch.setattr(imports, "PACKED_LIMIT", 2_000_000)

    async def unsaid() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    async with gateway_in(tmp_path) as gateway:
        for body in (b"x" * 2_000_001, unsaid()):
            answer = await gateway.client.post(PATH, content=body)
            assert_problem(answer, 413, "body_too_large")
        assert (await gateway.client.post(PATH, content=b"x" * 1_500_000)).status_code == 422


async def test_signed_import_is_of_the_reader_s_own_journey(tmp_path: Path):
    """Where ids are signed nobody writes a journey whose session id they lack."""
    async with gateway_in(tmp_path / "here", secret="a secret of some length") as gateway:
        signed, other = [(await gateway.client.post("/api/v1/session")).json()["session_id"] for _ in range(2)]
        journey = gateway.app.state.gateway.sessions.journey(signed)
        async with system_in(tmp_path / "there") as system:
            await commit(system.store, factories.outcome(journey))
            archive = await exported(system.store, journey=journey)
        assert_problem(await post(gateway, archive), 401, "unauthorized")
        assert_problem(await post(gateway, archive, session_id=journey), 401, "unauthorized")
        assert_problem(await post(gateway, archive, session_id=other), 401, "unauthorized")
        await assert_nothing_stored(gateway.system.store)
        answer = await post(gateway, archive, session_id=signed)
        assert answer.status_code == 200
        assert answer.json()["session_id"] == signed


async def test_few_journeys_are_imported_at_a_time(tmp_path: Path):
    """One more is told to come again; whoever leaves in the middle makes room, and is no fault of the server."""
    archive = await archive_of(tmp_path)
    async with system_in(tmp_path / "here") as system, served(system) as (address, app, _):
        limits = app.state.gateway.limits

        async def unfinished() -> AsyncIterator[bytes]:
            yield archive[:100]
            await asyncio.Event().wait()

        async with httpx.AsyncClient(base_url=f"http://{address}") as client:
            with capture_logs() as logs:
                slow = [asyncio.create_task(client.post(PATH, content=unfinished())) for _ in range(MOST_IMPORTS)]
                await until(lambda: limits.imports == MOST_IMPORTS)
                refused = await client.post(PATH, content=archive)
                assert_problem(refused, 429, "too_many_imports")
                assert int(refused.headers["retry-after"]) > 0
                for task in slow:
                    task.cancel()
                await asyncio.gather(*slow, return_exceptions=True)
                await until(lambda: limits.imports == 0)
            assert (await client.post(PATH, content=archive)).status_code == 200
        assert "http.request_failed" not in [line["event"] for line in logs]


async def test_archive_that_does_not_arrive_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its place is another's then."""
    monkeypatch.setattr(imports, "RECEIVE_SECONDS", 0.1)

    async with asyncio.timeout(60), system_in(tmp_path) as system, served(system) as (address, app, _):
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"POST {PATH} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 1000\r\n\r\nPK".encode())
        answer = (await reader.readuntil(b"}")).decode()
        writer.close()
        assert " 422 " in answer.partition("\r\n")[0]
        assert "had not arrived after 0.1 seconds" in answer
        await until(lambda: app.state.gateway.limits.imports == 0)


async def test_file_of_an_import_has_no_name(tmp_path: Path):
    """It is gone with the process, however that ends."""
    async with system_in(tmp_path / "here") as system, served(system) as (address, app, _):
        async with httpx.AsyncClient(base_url=f"http://{address}") as client:
            listed: list[str] = []

            async def watched() -> AsyncIterator[bytes]:
                yield b"x" * 100_000
                await until(lambda: app.state.gateway.limits.imports == 1)
                listed.extend(names(tmp_path / "here"))
                yield b"x"

            before = names(tmp_path / "here")
            await client.post(PATH, content=watched())
        assert listed == before


async def test_client_imports_what_it_exports(tmp_path: Path):
    """From one gateway into another, without holding it whole."""
    async with (
        system_in(tmp_path / "there") as there, served(there) as (from_address, _, _),
        system_in(tmp_path / "here") as here, served(here) as (to_address, _, _),
        Client(f"http://{from_address}") as source, Client(f"http://{to_address}") as target,
    ):  # fmt: skip
        await whole_journey(there.store)
        async with source.export(READER) as file:
            done = await target.import_journey(file.pieces)
        assert done.changed
        assert await exported(here.store) == await exported(there.store)
