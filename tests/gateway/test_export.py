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
async def test_a_journey_is_sent_as_a_file(tmp_path: Path, form: str):
    async with gateway_in(tmp_path) as gateway:
        await whole_journey(gateway.system.store)
        answer = await gateway.client.get(f"/api/v1/export/reader?format={form}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == FORMATS[form].media_type
        assert answer.headers["content-disposition"].startswith('attachment; filename="journey-')
        assert answer.headers["content-disposition"].endswith(f'{FORMATS[form].suffix}"')
        assert answer.headers["cache-control"] == "no-store"
        assert answer.content == await exported(gateway.system.store, form)


async def test_without_a_format_it_is_the_log(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get("/api/v1/export/reader")
        assert answer.content == await exported(gateway.system.store)


@every_format
async def test_a_journey_that_nobody_has_begun_is_an_empty_one(tmp_path: Path, form: str):
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get(f"/api/v1/export/nobody?format={form}")
        assert answer.status_code == 200
        assert answer.content == await exported(gateway.system.store, form, "nobody")
        await assert_nothing_stored(gateway.system.store)


@pytest.mark.parametrize("form", ["pdf", "", "LOG", "log/../epub", "x" * 10_000])
async def test_a_format_that_there_is_not_is_refused(tmp_path: Path, form: str):
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get("/api/v1/export/reader", params={"format": form})
        assert_problem(answer, 422, "invalid_input")
        assert "log, markdown, twee, epub" in answer.json()["next_step"]


@pytest.mark.parametrize("journey", ["a%20b", "ä", "x" * 65, "a.b"])
async def test_an_id_that_is_none_is_refused(tmp_path: Path, journey: str):
    async with gateway_in(tmp_path) as gateway:
        assert_problem(await gateway.client.get(f"/api/v1/export/{journey}"), 422, "invalid_session")


@every_format
async def test_signed_export_own_journey_only(tmp_path: Path, form: str):
    """With a secret, another journey's export is refused, and the file has no signature."""
    async with gateway_in(tmp_path, secret="s3cret") as gateway:
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
async def test_while_the_store_is_away_the_answer_is_a_503_and_no_half_file(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
):
    async def away(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("It is away.")

    async with gateway_in(tmp_path) as gateway:
        await whole_journey(gateway.system.store)
        monkeypatch.setattr(gateway.system.store, "outcomes", away)
        assert_problem(await gateway.client.get(f"/api/v1/export/reader?format={form}"), 503, "store_unavailable")


@pytest.mark.parametrize("form", ["markdown", "twee", "epub"])
async def test_without_a_book_there_is_no_copy_to_read(tmp_path: Path, form: str):
    async with gateway_in(tmp_path, book=False) as gateway:
        assert_problem(await gateway.client.get(f"/api/v1/export/reader?format={form}"), 503, "no_book")


async def test_a_file_that_cannot_be_ended_is_seen_to_be_broken(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _server):
        await whole_journey(system.store)
        whole = system.store.log

        async def away(*_: Any, **__: Any) -> Any:
            raise StoreUnavailable("It went away.")

        system.store.log = away  # type: ignore[method-assign]
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            with capture_logs() as logs, pytest.raises(httpx.RemoteProtocolError):
                await client.get(f"http://{address}/api/v1/export/reader")
            assert "http.request_failed" in [line["event"] for line in logs]
            system.store.log = whole  # type: ignore[method-assign]
            assert (await client.get(f"http://{address}/api/v1/export/reader")).status_code == 200


async def test_many_exports_at_once_are_each_whole(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        await whole_journey(gateway.system.store)
        wanted = [form for form in FORMATS for _ in range(4)]
        answers = await asyncio.gather(*(gateway.client.get(f"/api/v1/export/reader?format={form}") for form in wanted))
        for form, answer in zip(wanted, answers, strict=True):
            assert answer.content == await exported(gateway.system.store, form)
