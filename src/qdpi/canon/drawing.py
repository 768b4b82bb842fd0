"""What an author's symbol may hold: shapes, and nothing that runs or reaches out."""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

MAX_DRAWING: Final = 64_000
"""The most bytes that a symbol's file may have."""

_SHAPES: Final = frozenset(
    {"svg", "g", "title", "desc", "rect", "line", "circle", "ellipse", "polyline", "polygon", "path"}
)
_ATTRIBUTES: Final = (
    "xmlns viewBox width height x y x1 y1 x2 y2 cx cy r rx ry d points transform id role aria-label "
    "fill fill-rule fill-opacity stroke stroke-width stroke-linecap stroke-linejoin stroke-miterlimit "
    "stroke-dasharray stroke-opacity opacity clip-rule vector-effect preserveAspectRatio version"
)
_STYLES: Final = frozenset(_ATTRIBUTES.split())


def drawing_fault(svg: str) -> str | None:
    """Return why an SVG cannot be shown, or None: it must be well-formed and hold plain shapes only."""
    found: list[str] = []

    def element(name: str, attributes: dict[str, str]) -> None:
        if name not in _SHAPES:
            found.append(f"the element <{name[:40]}>")
        found.extend(f"the attribute {key[:40]}" for key in attributes if key not in _STYLES)
        found.extend(f"a reference in {key}" for key, value in attributes.items() if "url(" in value.lower())

    def doctype(*_: object) -> None:
        found.append("a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler = element
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(svg.encode(), True)
    except (expat.ExpatError, UnicodeEncodeError) as error:
        return f"the symbol is not well-formed XML: {error}"
    return f"the symbol holds {found[0]}, and only plain shapes may be shown" if found else None
