"""The XHTML documents of an EPUB (title page, chapters, table of contents) and its style sheet; pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from qdpi.export.reading_copy import Itinerary, PageRef
from qdpi.glyphs import glyph_title
from qdpi.page_schema import Page, PageStatus
from qdpi.search.text import paragraphs
from qdpi.symbols import CHARACTER_NAMES

_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_STYLE: Final = """\
body { margin: 5%; line-height: 1.5; hyphens: auto; }
h1 { font-size: 1.4em; line-height: 1.2; margin: 0.5em 0 0; }
h2 { font-size: 1em; margin: 2.5em 0 0; }
p { margin: 0; text-indent: 1.2em; }
p.first, p.voice, p.about { text-indent: 0; }
p.voice { font-style: italic; margin: 0 0 1.5em; padding-left: 0.6em; border-left: 0.3em solid; }
img.glyph { width: 3em; height: 3em; }
section.title { text-align: center; margin-top: 25%; }
li { margin: 0.3em 0; }
"""


def escaped(text: str) -> str:
    """Return a text escaped for XML; characters that XML does not allow are replaced."""
    return escape(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def titled(title: str) -> str:
    """Return a title escaped for XML: on one line, and not empty."""
    return escaped(" ".join(title.split()) or "Untitled")


def file_of(ref: PageRef) -> str:
    """Return the file name of a page's chapter."""
    return f"{ref.page_id}.xhtml" if ref.seq is None else f"page-{ref.seq:05}.xhtml"


def glyph_file(symbol_code: int) -> str:
    """Return the file name of a symbol's image."""
    return f"glyphs/{symbol_code:02x}.svg"


def style(itinerary: Itinerary) -> str:
    """Return the style sheet, with a rule for each character's colour."""
    rules = (f".c{v.character} p.voice {{ border-color: {v.color}; }}\n" for v in itinerary.book.voices)
    return _STYLE + "".join(rules)


def title_page(itinerary: Itinerary, language: str) -> str:
    """Return the title page: the book, and the number of pages."""
    book = itinerary.book
    by = f'<p class="about">{escaped(book.author)}</p>' if book.author.strip() else ""
    pages = f"{itinerary.generated} page{'s' * (itinerary.generated != 1)} written along the way"
    return _document(
        itinerary.title,
        f'<section class="title" epub:type="titlepage"><h1>{escaped(book.title)}</h1>{by}'
        f'<p class="about">A journey: {pages}, among {len(itinerary.canon)} of the book.</p></section>',
        language,
    )


def chapter(page: Page, itinerary: Itinerary, language: str) -> str:
    """Return a page as a chapter: glyph, title, voice, text and links."""
    body = "".join(
        (
            '<section epub:type="chapter" role="doc-chapter">',
            f'<img class="glyph" src="{glyph_file(page.symbol_code)}" alt={quoteattr(glyph_title(page.symbol_code))}/>',
            f"<h1>{titled(page.title)}</h1>",
            f'<p class="voice">{escaped(_voice(page))}</p>',
            *_paragraphs(page.text),
            *_links(page, itinerary),
            "</section>",
        )
    )
    return _document(page.title, body, language, classes=f"c{page.char_hex}")


def contents(itinerary: Itinerary, language: str) -> str:
    """Return the table of contents."""
    refs = itinerary.refs.values()
    lines = (f'<li><a href="{file_of(ref)}">{titled(ref.title)}</a></li>\n' for ref in refs)
    return _document(
        "Contents",
        '<nav epub:type="toc" role="doc-toc" id="toc"><h1>Contents</h1>\n<ol>\n'
        f'<li><a href="title.xhtml">{escaped(itinerary.title)}</a></li>\n{"".join(lines)}</ol></nav>',
        language,
    )


def _document(title: str, body: str, language: str, *, classes: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" '
        f'lang="{language}" xml:lang="{language}">\n'
        f'<head><title>{titled(title)}</title><link rel="stylesheet" href="style.css"/></head>\n'
        f"<body{f' class={quoteattr(classes)}' if classes else ''}>\n{body}\n</body>\n</html>\n"
    )


def _voice(page: Page) -> str:
    stopped = ", stopped by its reader" if page.status is PageStatus.STOPPED else ""
    where = page.page_id if page.seq is None else f"page {page.seq}"
    return f"{CHARACTER_NAMES[page.char_hex]} · {where}{stopped}"


def _paragraphs(text: str) -> Iterator[str]:
    for place, lines in enumerate(paragraphs(text)):
        first = ' class="first"' if place == 0 else ""
        yield f"<p{first}>{'<br/>'.join(map(escaped, lines))}</p>\n"


def _links(page: Page, itinerary: Itinerary) -> Iterator[str]:
    links = itinerary.links(page)
    if not links:
        return
    yield "<h2>From here</h2>\n<ul>\n"
    for kind, target in links:
        yield f'<li>{kind.value}: <a href="{file_of(target)}">{titled(target.title)}</a></li>\n'
    yield "</ul>\n"
