"""GET /export/{session_id}."""

from __future__ import annotations

import asyncio
import io
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from tests.export.journeys import assert_nothing_stored, exported, whole_journey
from tests.gateway.test_presses import assert_problem
from tests.support.gateway import PATIENCE, gateway_in, served, system_in

from qdpi.errors import StoreUnavailable
from qdpi.export.formats import FORMATS

every_format = pytest.mark.parametrize("form", FORMATS)


@every_format
async def test_journey_is_sent_as_file(tmp_path: Path, form: str):
    """A journey is sent with its media type, a file name, and the same bytes as from the command line."""
    async with gateway_in(tmp_path) as gateway:
        await whole_journey(gateway.system.store)
        answer = await gateway.client.get(f"/api/v1/export/reader?format={form}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == FORMATS[form].media_type
        assert answer.headers["content-disposition"].startswith('attachment; filename="journey-')
        assert answer.headers["content-disposition"].endswith(f'{FORMATS[form].suffix}"')
        assert answer.headers["cache-control"] == "no-store"
        assert answer.content == await exported(gateway.system.store, form)


async def test_default_format_is_log(tmp_path: Path):
    """Without a format the answer is the archive."""
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get("/api/v1/export/reader")
        assert answer.content == await exported(gateway.system.store)


@every_format
async def test_empty_journey_is_exported(tmp_path: Path, form: str):
    """A journey without outcomes is exported, and nothing is stored for it."""
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get(f"/api/v1/export/nobody?format={form}")
        assert answer.status_code == 200
        assert answer.content == await exported(gateway.system.store, form, "nobody")
        await assert_nothing_stored(gateway.system.store)


@pytest.mark.parametrize("form", ["pdf", "", "LOG", "log/../epub", "x" * 10_000])
async def test_unknown_format_is_refused(tmp_path: Path, form: str):
    """An unknown format is refused, and the error lists the known ones."""
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get("/api/v1/export/reader", params={"format": form})
        assert_problem(answer, 422, "invalid_input")
        assert "log, markdown, twee, epub" in answer.json()["next_step"]


@pytest.mark.parametrize("journey", ["a%20b", "ä", "x" * 65, "a.b"])
async def test_invalid_session_id_is_refused(tmp_path: Path, journey: str):
    """An invalid session id is refused."""
    async with gateway_in(tmp_path) as gateway:
        assert_problem(await gateway.client.get(f"/api/v1/export/{journey}"), 422, "invalid_session")


@every_format
async def test_signed_export_own_journey_only(tmp_path: Path, form: str):
    """With a secret, another journey's export is refused, and the file has no signature."""
    async with gateway_in(tmp_path, secret="a secret of tests") as gateway:
        signed = (await gateway.client.post("/api/v1/session")).json()["session_id"]
        journey = gateway.app.state.gateway.sessions.journey(signed)
        signature = signed.removeprefix(journey).strip(".")
        assert signature
        for wrong in (journey, f"{journey}.x", signed[:-1], "reader"):
            refused = await gateway.client.get(f"/api/v1/export/{wrong}?format={form}")
            assert_problem(refused, 401, "unauthorized")
        answer = await gateway.client.get(f"/api/v1/export/{signed}?format={form}")
        assert answer.status_code == 200
        content = answer.content
        if zipfile.is_zipfile(io.BytesIO(content)):
            archive = zipfile.ZipFile(io.BytesIO(content))
            content += b"".join(archive.read(name) for name in archive.namelist())
        assert signature.encode() not in content
        assert signature not in str(answer.headers)
        assert (journey.encode() in content) == (form == "log")


@every_format
async def test_store_outage_is_503(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch):
    """While the store is unavailable the answer is a 503 and no part of a file."""

    async def unavailable(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("It does not answer.")

    async with gateway_in(tmp_path) as gateway:
        await whole_journey(gateway.system.store)
        monkeypatch.setattr(gateway.system.store, "outcomes", unavailable)
        assert_problem(await gateway.client.get(f"/api/v1/export/reader?format={form}"), 503, "store_unavailable")


@pytest.mark.parametrize("form", ["markdown", "twee", "epub"])
async def test_missing_book_is_refused(tmp_path: Path, form: str):
    """Without a book in the store there is no reading copy."""
    async with gateway_in(tmp_path, book=False) as gateway:
        assert_problem(await gateway.client.get(f"/api/v1/export/reader?format={form}"), 503, "no_book")


async def test_interrupted_export_breaks_transfer(tmp_path: Path):
    """An export that fails midway breaks the transfer, so the client sees that the file is incomplete."""
    async with system_in(tmp_path) as system, served(system) as (address, _, _server):
        await whole_journey(system.store)
        whole = system.store.log

        async def unavailable(*_: Any, **__: Any) -> Any:
            raise StoreUnavailable("It failed.")

        system.store.log = unavailable  # type: ignore[method-assign]
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            with capture_logs() as logs, pytest.raises(httpx.RemoteProtocolError):
                await client.get(f"http://{address}/api/v1/export/reader")
            assert "http.request_failed" in [line["event"] for line in logs]
            system.store.log = whole  # type: ignore[method-assign]
            assert (await client.get(f"http://{address}/api/v1/export/reader")).status_code == 200


async def test_concurrent_exports_are_complete(tmp_path: Path):
    """Each of many exports at once is complete."""
    async with gateway_in(tmp_path) as gateway:
        await whole_journey(gateway.system.store)
        wanted = [form for form in FORMATS for _ in range(4)]
        answers = await asyncio.gather(*(gateway.client.get(f"/api/v1/export/reader?format={form}") for form in wanted))
        for form, answer in zip(wanted, answers, strict=True):
            assert answer.content == await exported(gateway.system.store, form)
