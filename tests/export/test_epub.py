from __future__ import annotations

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.export.journeys import READER, add_outcomes, exported, fork, whole_journey
from tests.export.pages import AWKWARD
from tests.support.gateway import system_in

from qdpi.errors import NoBook
from qdpi.glyphs import glyph_title
from qdpi.page_schema import PageStatus
from qdpi.store.ports import PageStore
from qdpi.symbols import encode_symbol

XHTML = "{http://www.w3.org/1999/xhtml}"
OPF = "{http://www.idpf.org/2007/opf}"
DC = "{http://purl.org/dc/elements/1.1/}"


async def book(store: PageStore, journey: str = READER) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(await exported(store, "epub", journey)))


def document(epub: zipfile.ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(epub.read(f"EPUB/{name}"))


def links(epub: zipfile.ZipFile, name: str) -> list[str]:
    return [a.attrib["href"] for a in document(epub, name).iter(f"{XHTML}a")]


def spine(epub: zipfile.ZipFile) -> list[str]:
    package = document(epub, "package.opf")
    files = {item.attrib["id"]: item.attrib["href"] for item in package.iter(f"{OPF}item")}
    return [files[ref.attrib["idref"]] for ref in package.iter(f"{OPF}itemref")]


async def test_mimetype_is_first_and_stored(tmp_path: Path):
    """The entry `mimetype` comes first, uncompressed and without an extra field, as the specification demands."""
    async with system_in(tmp_path) as system:
        raw = await exported(system.store, "epub")
        assert raw[:4] == b"PK\x03\x04"
        assert raw[6:8] == b"\0\0", "no flags: no data descriptor"
        assert raw[28:58] == b"\0\0mimetypeapplication/epub+zip"


async def test_spine_is_reading_order(tmp_path: Path):
    """The spine has the pages in the order in which they were read."""
    async with system_in(tmp_path) as system:
        await add_outcomes(system.store, 3, fails=frozenset({2}))
        assert spine(await book(system.store)) == [
            "title.xhtml",
            "S01-P0001.xhtml",
            "page-00001.xhtml",
            "page-00003.xhtml",
            "S01-P0002.xhtml",
        ]


async def test_manifest_lists_every_file(tmp_path: Path):
    """The manifest lists every file, and every link and image leads to one of them."""
    async with system_in(tmp_path) as system:
        await whole_journey(system.store)
        epub = await book(system.store)
        there = {name.removeprefix("EPUB/") for name in epub.namelist() if name.startswith("EPUB/")}
        listed = [item.attrib["href"] for item in document(epub, "package.opf").iter(f"{OPF}item")]
        assert sorted(listed) == sorted(there - {"package.opf"})
        for name in there:
            if name.endswith(".xhtml"):
                assert set(links(epub, name)) <= there
                images = [image.attrib["src"] for image in document(epub, name).iter(f"{XHTML}img")]
                assert set(images) <= there


async def test_edges_and_children_are_links(tmp_path: Path):
    """Edges are links, and so are the pages that were generated on a page."""
    async with system_in(tmp_path) as system:
        await add_outcomes(system.store, 1)
        await fork(system.store)
        epub = await book(system.store)
        assert links(epub, "S01-P0001.xhtml") == ["S01-P0002.xhtml", "page-00001.xhtml", "page-00002.xhtml"]
        assert links(epub, "page-00001.xhtml") == ["S01-P0002.xhtml"]
        assert links(epub, "nav.xhtml") == spine(epub)


async def test_chapter_has_heading_and_glyph(tmp_path: Path):
    """A chapter has its heading, its voice, and its glyph with a description and the character's colour."""
    async with system_in(tmp_path) as system:
        symbol = encode_symbol(10, 3)
        await add_outcomes(system.store, 1, symbol_code=symbol, status=PageStatus.STOPPED)
        epub = await book(system.store)
        chapter = document(epub, "page-00001.xhtml")
        (heading,), (image,) = list(chapter.iter(f"{XHTML}h1")), list(chapter.iter(f"{XHTML}img"))
        assert heading.text == "An answer 1"
        assert image.attrib["src"] == f"glyphs/{symbol:02x}.svg"
        assert image.attrib["alt"] == glyph_title(symbol)
        assert b"#00000a" in epub.read(f"EPUB/glyphs/{symbol:02x}.svg")
        assert "stopped by its reader" in "".join(chapter.itertext())


@pytest.mark.parametrize("text", AWKWARD, ids=ascii)
async def test_awkward_texts_are_well_formed(tmp_path: Path, text: str):
    """Every document is well-formed XML, whatever a page's text and title contain."""
    async with system_in(tmp_path) as system:
        await add_outcomes(system.store, 1, text=f"before {text} after", title=text)
        epub = await book(system.store)
        for name in epub.namelist():
            if name.endswith((".xhtml", ".opf", ".svg", ".xml")):
                ElementTree.fromstring(epub.read(name))


async def test_paragraphs_and_line_breaks_are_kept(tmp_path: Path):
    """Paragraphs become paragraphs, and line ends inside them become line breaks."""
    async with system_in(tmp_path) as system:
        await add_outcomes(system.store, 1, text="One\r\ntwo.\r\n\r\n\nThree & <four>.\n \nFive.")
        chapter = (await book(system.store)).read("EPUB/page-00001.xhtml").decode()
        assert '<p class="first">One<br/>two.</p>\n<p>Three &amp; &lt;four&gt;.</p>\n<p>Five.</p>' in chapter


async def test_metadata_derives_from_journey(tmp_path: Path):
    """The identifier and the modification time come from the journey; its id appears nowhere."""
    async with system_in(tmp_path) as system:
        outcomes = await add_outcomes(system.store, 2, "capability")
        epub = await book(system.store, "capability")
        package = document(epub, "package.opf")
        meta = {m.attrib["property"]: m.text for m in package.iter(f"{OPF}meta")}
        assert meta["dcterms:modified"] == f"{outcomes[-1].at:%Y-%m-%dT%H:%M:%SZ}"
        assert "schema:accessibilitySummary" in meta
        assert (package.find(f".//{DC}identifier") is not None, package.findtext(f".//{DC}language")) == (True, "en")
        assert all(b"capability" not in epub.read(name) for name in epub.namelist())


async def test_empty_journey_is_first_page(tmp_path: Path):
    """A journey without outcomes gives the book's first page."""
    async with system_in(tmp_path) as system:
        assert spine(await book(system.store, "nobody")) == ["title.xhtml", "S01-P0001.xhtml"]


async def test_missing_book_is_refused(tmp_path: Path):
    """Without a book in the store there is no reading copy."""
    async with system_in(tmp_path, book=False) as system:
        with pytest.raises(NoBook):
            await book(system.store)
