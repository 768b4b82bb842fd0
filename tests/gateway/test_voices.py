"""GET /voices and the book's own drawings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.test_presses import assert_problem
from tests.support.gateway import GatewayFixture, gateway_in

from qdpi.canon import own_book
from qdpi.canon.book import Book
from qdpi.search.vectors import Embedder
from qdpi.services.ingest import ingest

PATH = "/api/v1/voices"
FOX = f"{PATH}/london-fox/drawing.svg"
EMBEDDER = Embedder()


def drawing(radius: int) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title>é</title><circle r="{radius}"/></svg>'


def drawn(book: Book, svg: str | None) -> Book:
    """Return a book with this drawing of London Fox."""
    return replace(book, voices=tuple(replace(v, symbol_svg=svg) if v.character == 1 else v for v in book.voices))


async def put(here: GatewayFixture, book: Book) -> int:
    done = await ingest(here.system.store, book, EMBEDDER, now=here.system.now)
    return done.revision.revision


async def voices(here: GatewayFixture) -> list[dict[str, Any]]:
    answer = await here.client.get(PATH)
    assert answer.status_code == 200, answer.text
    result: list[dict[str, Any]] = answer.json()
    return result


async def test_sixteen_voices_say_who_speaks(tmp_path: Path):
    async with gateway_in(tmp_path, book=False) as here:
        book = own_book()
        await put(here, drawn(book, drawing(4)))
        result = await voices(here)
        assert [each["section"] for each in result] == list(range(1, 17))
        fox = result[1]
        assert fox == {
            "character": 1,
            "slug": "london-fox",
            "name": "London Fox",
            "section": 2,
            "section_title": "What the Nose Says",
            "color": book.voices[1].color,
            "sentence": "A vixen in the present tense who never says I: the nose, the feet and the teeth act for her.",
            "profile": book.voices[1].profile,
            "source": "profile",
            "drawing": FOX,
            "glyph": "/api/v1/symbols/16/glyph.svg",
        }
        assert [each["drawing"] for each in result] == [None, FOX, *[None] * 14]
        for path in (fox["drawing"], fox["glyph"]):
            assert (await here.client.get(path)).status_code == 200


async def test_addresses_are_those_behind_the_proxy(tmp_path: Path):
    async with gateway_in(tmp_path, book=False, root_path="/book") as here:
        await put(here, drawn(own_book(), drawing(4)))
        fox = (await here.client.get(f"/book{PATH}")).json()[1]
        assert (fox["drawing"], fox["glyph"]) == (f"/book{FOX}", "/book/api/v1/symbols/16/glyph.svg")
        assert (await here.client.get(fox["drawing"])).text == drawing(4)


async def test_canon_names_its_sections(tmp_path: Path):
    async with gateway_in(tmp_path, book=False) as here:
        await put(here, own_book())
        sections = (await here.client.get("/api/v1/canon")).json()["sections"]
        titles = [each["section_title"] for each in await voices(here)]
        assert [each["title"] for each in sections] == titles
        assert None not in titles


async def test_section_without_a_title_has_none(tmp_path: Path):
    """Pages that are only numbered do not name their section."""
    async with gateway_in(tmp_path) as here:
        assert {each["section_title"] for each in await voices(here)} == {None}
        assert {each["sentence"] for each in await voices(here)} == {"Speaks plainly."}


@pytest.mark.parametrize("name", ["london-fox", "London%20Fox", "LONDON-FOX", "1", "01"])
async def test_drawing_is_served_as_ingested(tmp_path: Path, name: str):
    """A drawing runs nothing and loads nothing, wherever it is shown."""
    async with gateway_in(tmp_path, book=False) as here:
        await put(here, drawn(own_book(), drawing(4)))
        answer = await here.client.get(f"{PATH}/{name}/drawing.svg")
        assert (answer.status_code, answer.text) == (200, drawing(4))
        assert answer.headers["content-type"] == "image/svg+xml; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "sandbox" in policy
        assert "script" not in policy


async def test_drawings_follow_the_current_revision(tmp_path: Path):
    """A book that changes in a drawing alone is a new revision; a browser gets the new drawing, or hears of none."""
    async with gateway_in(tmp_path, book=False) as here:
        book, seen = own_book(), list[str]()
        for revision, radius in ((1, 4), (2, 3)):
            assert await put(here, drawn(book, drawing(radius))) == revision
            answer = await here.client.get(FOX, headers={"if-none-match": ", ".join(seen) or '"none"'})
            assert (answer.status_code, answer.text) == (200, drawing(radius))
            seen.append(answer.headers["etag"])
            assert answer.headers["cache-control"] == "no-cache"
            assert (await here.client.get(FOX, headers={"if-none-match": seen[-1]})).status_code == 304
        assert await put(here, drawn(book, drawing(3))) == 2
        assert await put(here, drawn(book, None)) == 3
        assert "glyph.svg" in assert_problem(await here.client.get(FOX), 404, "unknown_drawing")["next_step"]
        kept = await here.system.store.canon(1)
        assert kept is not None
        assert kept.voices[1].symbol_svg == drawing(4)


@pytest.mark.parametrize("name", ["nobody", "16", "-1", "..", "%00", "0x1", "x" * 200])
async def test_drawing_of_nobody_is_refused(tmp_path: Path, name: str):
    async with gateway_in(tmp_path) as here:
        answer = await here.client.get(f"{PATH}/{name}/drawing.svg")
        assert answer.status_code == (404 if name == ".." else 422)


async def test_voices_without_a_book_are_unavailable(tmp_path: Path):
    async with gateway_in(tmp_path, book=False) as here:
        for path in (PATH, FOX):
            assert "ingest-canon" in assert_problem(await here.client.get(path), 503, "no_book")["next_step"]
