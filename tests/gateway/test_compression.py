"""Compressed answers, and their headers."""

import io
import zipfile
from pathlib import Path

import pytest
from pydantic import BaseModel
from tests.support.gateway import gateway_in, listening, served, system_in

from qdpi.gateway.middleware import COMPRESSED_FROM
from qdpi.gateway.negotiation import accepts_gzip, shape_of
from qdpi.gateway.routes import book

CANON = "/api/v1/canon"
PRESS = "/api/v1/event/ui/symbol"


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5, br", True),
        ("*", True),
        ("x-gzip", True),
        ("", False),
        ("identity", False),
        ("br, zstd", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
        ("*;q=0", False),
        ("gzip;q=nothing", False),
        ("ungzipped", False),
    ],
)
def test_client_accepts_gzip(header: str, accepted: bool):
    assert accepts_gzip(header) is accepted


async def test_answers_are_compressed_for_those_who_accept_it(tmp_path: Path):
    """The ring, the symbols and a preview are a tenth of their size, and say the same."""
    async with gateway_in(tmp_path) as gateway:
        for path in (CANON, "/api/v1/symbols", "/api/v1/journey/reader/preview", "/openapi.json"):
            packed = await gateway.client.get(path, headers={"accept-encoding": "gzip"})
            plain = await gateway.client.get(path, headers={"accept-encoding": "identity"})
            assert packed.headers["content-encoding"] == "gzip"
            assert "content-encoding" not in plain.headers
            assert packed.content == plain.content
            assert int(packed.headers["content-length"]) < len(plain.content) / 4
            assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


async def test_refused_gzip_is_not_sent(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get(CANON, headers={"accept-encoding": "gzip;q=0, identity"})
        assert "content-encoding" not in answer.headers


async def test_small_answers_are_not_compressed(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get("/healthz")
        assert len(answer.content) < COMPRESSED_FROM
        assert "content-encoding" not in answer.headers


async def test_answers_to_post_are_not_compressed(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.post(PRESS, content=b"x" * 2_000, headers={"content-type": "text/plain"})
        assert answer.status_code == 400
        assert "content-encoding" not in answer.headers
        assert "content-encoding" not in (await gateway.client.post("/api/v1/session")).headers


async def test_etag_is_the_same_compressed_or_not(tmp_path: Path):
    """An ETag is weak, so that it stands for both; a 304 says what its 200 would have said."""
    async with gateway_in(tmp_path) as gateway:
        packed = await gateway.client.get(CANON, headers={"accept-encoding": "gzip"})
        plain = await gateway.client.get(CANON, headers={"accept-encoding": "identity"})
        assert packed.headers["etag"] == plain.headers["etag"]
        assert packed.headers["etag"].startswith('W/"')
        for encoding in ("gzip", "identity"):
            asked = {"accept-encoding": encoding, "if-none-match": packed.headers["etag"]}
            same = await gateway.client.get(CANON, headers=asked)
            assert (same.status_code, same.content) == (304, b"")
            for name in ("etag", "vary", "cache-control"):
                assert same.headers[name] == packed.headers[name]


@pytest.mark.parametrize(
    ("given", "status"),
    [("{}", 304), ('"x", {}', 304), ("*", 304), ('"x"', 200), ("x", 200), ("", 200), ("W/", 200)],
)
async def test_if_none_match(tmp_path: Path, given: str, status: int):
    """Of several ETags one suffices; weak and strong compare alike."""
    async with gateway_in(tmp_path) as gateway:
        etag = (await gateway.client.get(CANON)).headers["etag"]
        for tag in (etag, etag.removeprefix("W/")):
            answer = await gateway.client.get(CANON, headers={"if-none-match": given.format(tag)})
            assert answer.status_code == status


async def test_a_kept_answer_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The ring of a large book is not written out to say that it is the same."""
    async with gateway_in(tmp_path) as gateway:
        etag = (await gateway.client.get(CANON)).headers["etag"]
        monkeypatch.setattr(book, "canon_shape", None)
        assert (await gateway.client.get(CANON, headers={"if-none-match": etag})).status_code == 304


def test_etag_without_its_body_changes_with_the_fields():
    """An upgrade that adds a field makes browsers ask anew."""

    class Before(BaseModel):
        title: str

    class After(Before):
        author: str

    assert shape_of(Before) != shape_of(After)
    assert shape_of(Before) == shape_of(Before)


async def test_vary_of_another_origin_is_kept(tmp_path: Path):
    async with gateway_in(tmp_path, cors_origins="https://book.example") as gateway:
        answer = await gateway.client.get(CANON, headers={"origin": "https://book.example"})
        assert {part.strip().lower() for part in answer.headers["vary"].split(",")} == {"accept-encoding", "origin"}


@pytest.mark.parametrize("form", ["log", "markdown", "epub"])
async def test_archives_are_not_compressed_twice(tmp_path: Path, form: str):
    async with gateway_in(tmp_path) as gateway:
        await gateway.generator.answer("reader", await gateway.press())
        answer = await gateway.client.get(f"/api/v1/export/reader?format={form}")
        assert "content-encoding" not in answer.headers
        assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None


async def test_a_streamed_text_is_compressed_whole(tmp_path: Path):
    """A long file that is made while it is sent arrives the same, compressed or not."""
    async with gateway_in(tmp_path) as gateway:
        for _ in range(3):
            await gateway.generator.answer("reader", await gateway.press(), text="A sentence of a page. " * 900)
        path = "/api/v1/export/reader?format=twee"
        packed = await gateway.client.get(path, headers={"accept-encoding": "gzip"})
        plain = await gateway.client.get(path, headers={"accept-encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.text == plain.text
        assert "content-length" not in packed.headers
        assert packed.headers["content-disposition"] == plain.headers["content-disposition"]


async def test_problems_keep_their_status_when_compressed(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get("/api/v1/page/nothing", headers={"accept-encoding": "gzip"})
        assert answer.status_code == 404
        assert answer.json()["code"] == "unknown_page"


async def test_event_streams_are_not_compressed(tmp_path: Path):
    """Each frame arrives when it is sent, also at a client that accepts gzip."""
    async with system_in(tmp_path) as system, served(system) as (address, _, _), listening(address, "reader") as stream:
        assert "gzip" in stream.response.request.headers["accept-encoding"]
        assert (await stream.next()).event == "status"
        assert "content-encoding" not in stream.response.headers


async def test_head_says_what_get_would(tmp_path: Path):
    """The length and the encoding of HEAD are those of the compressed answer."""
    async with gateway_in(tmp_path) as gateway:
        for encoding in ("gzip", "identity"):
            asked = {"accept-encoding": encoding}
            whole, head = (
                await gateway.client.get(CANON, headers=asked),
                await gateway.client.head(CANON, headers=asked),
            )
            assert (head.status_code, head.content) == (200, b"")
            for name in ("content-length", "content-encoding", "etag", "vary"):
                assert head.headers.get(name) == whole.headers.get(name)
