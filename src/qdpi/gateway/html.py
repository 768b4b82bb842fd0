"""The pages that the server renders: templates filled with values, each escaped. Pure.

All text of books and readers comes to a page through here. The templates escape what they are given; the two filters
below escape what they split.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from qdpi.canon.book import LANGUAGE
from qdpi.gateway.colors import DARK_SURFACES, LIGHT_SURFACES
from qdpi.gateway.web_files import WebFiles, shipped_files
from qdpi.gateway.web_modules import first_load
from qdpi.search.text import paragraphs

STYLE_ORDER: Final = ("tokens.css", "type.css", "desk.css")
"""The style sheets that come first, in this order; those of views follow by name, and print comes last."""
_LAST_STYLE: Final = "print.css"
_FIRST_FONT: Final = "fonts/literata-roman.woff2"
"""The font that the first page is set in."""
_NOT_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that HTML does not allow in a text."""
_TURNING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Marks that turn the direction of what follows them (https://www.unicode.org/reports/tr9/)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page has around its own: where the gateway is served, the book's title, the colours of its voices.

    `data` is given to the script as JSON.
    """

    root: str
    view: str
    book_title: str
    voices_href: str | None = None
    indexed: bool = True
    data: dict[str, Any] = field(default_factory=dict)


def render(template: str, frame: Frame, **values: Any) -> bytes:
    """Return a page. Raises `jinja2.UndefinedError` where a template asks for a value that is not given."""
    files = shipped_files()
    page = (
        _environment()
        .get_template(template)
        .render(
            root=frame.root,
            web=files.address(frame.root),
            view=frame.view,
            book_title=frame.book_title,
            voices_href=frame.voices_href,
            indexed=frame.indexed,
            data={"root": frame.root, "web": files.address(frame.root), "view": frame.view, **frame.data},
            language=LANGUAGE,
            papers={"light": LIGHT_SURFACES[0], "dark": DARK_SURFACES[0]},
            styles=_styles(files),
            fonts=[_FIRST_FONT],
            modules=first_load(files),
            **values,
        )
    )
    return printable(page).encode()


def printable(text: str) -> str:
    """Return a text with the characters replaced that HTML does not allow."""
    return _NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)


def undirected(text: str) -> str:
    """Return a text without marks that turn the direction of what follows: for where no element can isolate it."""
    return type(text)(_TURNING.sub("", text))


def marked(text: str, marks: Iterable[Sequence[int]]) -> Markup:
    """Return a text as HTML with the ranges in `<mark>`; `marks` are [start, end) in code points, in order."""
    pieces, at = list[Markup](), 0
    for start, end in marks:
        pieces += [escape(text[at:start]), Markup("<mark>{}</mark>").format(text[start:end])]
        at = end
    return Markup().join([*pieces, escape(text[at:])])


def _styles(files: WebFiles) -> list[str]:
    def place(name: str) -> tuple[int, str]:
        file = name.rpartition("/")[2]
        first = STYLE_ORDER.index(file) if file in STYLE_ORDER else len(STYLE_ORDER)
        return (len(STYLE_ORDER) + 1 if file == _LAST_STYLE else first, name)

    return sorted((name for name in files.files if re.fullmatch(r"style/[^/]+\.css", name)), key=place)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(lambda name: shipped_files().template(name)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(paragraphs=paragraphs, marked=marked, undirected=undirected)
    return environment
