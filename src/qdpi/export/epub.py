"""A journey as an EPUB 3 publication: a chapter for each page, in reading order, with links along the edges.

After https://www.w3.org/TR/epub-33/. The identifier and the modification time are derived from the journey, so the
same journey gives the same file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from qdpi.canon.book import LANGUAGE
from qdpi.export import xhtml
from qdpi.export.reading_copy import Itinerary, PageRef
from qdpi.export.zip_stream import ZipStream
from qdpi.glyphs import glyph_svg
from qdpi.page_schema import Page
from qdpi.symbols import decode_symbol

MEDIA_TYPE: Final = "application/epub+zip"
_ROOT: Final = "EPUB"
_OPF: Final = "http://www.idpf.org/2007/opf"
_CONTAINER: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    f'<rootfile full-path="{_ROOT}/package.opf" media-type="application/oebps-package+xml"/></rootfiles></container>\n'
)
_ACCESSIBILITY: Final = (
    ("schema:accessMode", "textual"),
    ("schema:accessMode", "visual"),
    ("schema:accessModeSufficient", "textual"),
    ("schema:accessibilityFeature", "alternativeText"),
    ("schema:accessibilityFeature", "structuralNavigation"),
    ("schema:accessibilityFeature", "tableOfContents"),
    ("schema:accessibilityFeature", "displayTransformability"),
    ("schema:accessibilityHazard", "none"),
    (
        "schema:accessibilitySummary",
        "A text in short chapters, each with a heading. Every image is a glyph with a description in words.",
    ),
)


class EpubBook:
    """Writes an EPUB file: style and title page, a chapter for each page, and last the files that list them."""

    def __init__(self, itinerary: Itinerary) -> None:
        self._itinerary = itinerary
        self._glyphs: set[int] = set()
        self._zip = ZipStream()
        self._zip.add("mimetype", MEDIA_TYPE, stored=True)
        self._zip.add("META-INF/container.xml", _CONTAINER)
        self._put("style.css", xhtml.style(itinerary))
        self._put("title.xhtml", xhtml.title_page(itinerary, LANGUAGE))

    def add(self, pages: Sequence[Page]) -> bytes:
        """Write a chapter for each page."""
        for page in pages:
            self._put(xhtml.file_of(self._itinerary.refs[page.page_id]), xhtml.chapter(page, self._itinerary, LANGUAGE))
            self._glyphs.add(page.symbol_code)
        return self._zip.take()

    def end(self) -> bytes:
        """Write the glyphs, the table of contents and the package document."""
        glyphs = sorted(self._glyphs)
        for code in glyphs:
            color = self._itinerary.color(decode_symbol(code)[0])
            self._put(xhtml.glyph_file(code), glyph_svg(code, color=color or "currentColor"))
        self._put("nav.xhtml", xhtml.contents(self._itinerary, LANGUAGE))
        self._put("package.opf", package(self._itinerary, glyphs))
        return self._zip.close()

    def _put(self, name: str, content: str) -> None:
        self._zip.add(f"{_ROOT}/{name}", content)


def package(itinerary: Itinerary, glyphs: Sequence[int]) -> str:
    """Return the package document: metadata, the list of files, and their reading order."""
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<package xmlns="{_OPF}" version="3.0" unique-identifier="id" xml:lang="{LANGUAGE}">',
            '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">',
            *_metadata(itinerary),
            "</metadata>",
            "<manifest>",
            *_manifest(itinerary, glyphs),
            "</manifest>",
            "<spine>",
            '<itemref idref="title"/>',
            *(f'<itemref idref="{_id(ref)}"/>' for ref in itinerary.refs.values()),
            "</spine>",
            "</package>",
            "",
        )
    )


def _metadata(itinerary: Itinerary) -> Iterator[str]:
    yield f'<dc:identifier id="id">urn:uuid:{itinerary.uuid}</dc:identifier>'
    yield f"<dc:title>{xhtml.escaped(itinerary.title)}</dc:title>"
    yield f"<dc:language>{LANGUAGE}</dc:language>"
    if itinerary.book.author.strip():
        yield f"<dc:creator>{xhtml.escaped(itinerary.book.author)}</dc:creator>"
    yield f'<meta property="dcterms:modified">{itinerary.at:%Y-%m-%dT%H:%M:%SZ}</meta>'
    yield from (f'<meta property="{name}">{value}</meta>' for name, value in _ACCESSIBILITY)


def _manifest(itinerary: Itinerary, glyphs: Sequence[int]) -> Iterator[str]:
    page = 'media-type="application/xhtml+xml"'
    yield f'<item id="nav" href="nav.xhtml" {page} properties="nav"/>'
    yield '<item id="style" href="style.css" media-type="text/css"/>'
    yield f'<item id="title" href="title.xhtml" {page}/>'
    yield from (f'<item id="{_id(ref)}" href="{xhtml.file_of(ref)}" {page}/>' for ref in itinerary.refs.values())
    for code in glyphs:
        yield f'<item id="glyph-{code:02x}" href="{xhtml.glyph_file(code)}" media-type="image/svg+xml"/>'


def _id(ref: PageRef) -> str:
    return xhtml.file_of(ref).removesuffix(".xhtml")
