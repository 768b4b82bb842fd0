"""Which drawings of a book are admitted: SVG files of plain shapes, from which nothing can be run or loaded."""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

MAX_DRAWING: Final = 64_000
"""The most bytes that a drawing's file may have."""
MAX_DEPTH: Final = 100
"""How deep its elements may be nested."""
NAMESPACE: Final = "http://www.w3.org/2000/svg"
_SHAPES: Final = frozenset(
    {"svg", "g", "title", "desc", "rect", "line", "circle", "ellipse", "polyline", "polygon", "path"}
)
_NAMES: Final = (
    "xmlns viewBox width height x y x1 y1 x2 y2 cx cy r rx ry d points transform id role aria-label "
    "fill fill-rule fill-opacity stroke stroke-width stroke-linecap stroke-linejoin stroke-miterlimit "
    "stroke-dasharray stroke-opacity opacity clip-rule vector-effect preserveAspectRatio version"
)
_ATTRIBUTES: Final = frozenset(_NAMES.split())


def drawing_fault(svg: str) -> str | None:
    """Return why a drawing is refused, or None: it must be well-formed XML and hold plain shapes only."""
    check = _Check()
    parser = expat.ParserCreate()
    parser.StartElementHandler = check.enter
    parser.EndElementHandler = check.leave
    parser.StartDoctypeDeclHandler = lambda *_: check.found.append("a document type")
    parser.ProcessingInstructionHandler = lambda name, _: check.found.append(f"the instruction <?{name[:40]}?>")
    try:
        parser.Parse(svg.encode(), True)
    except (expat.ExpatError, UnicodeEncodeError) as error:
        return f"the symbol is not well-formed XML: {error}"
    if check.found:
        return f"the symbol holds {check.found[0]}, and only plain shapes may be shown"
    return None if check.has_namespace else f'the symbol has no xmlns="{NAMESPACE}", and no browser would draw it'


class _Check:
    """What a drawing holds beside plain shapes, in the order in which it is found."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.has_namespace = False
        self._depth = 0

    def enter(self, name: str, attributes: dict[str, str]) -> None:
        """Take the start of an element."""
        first = self._depth == 0
        self._depth += 1
        if name not in _SHAPES or (first and name != "svg"):
            self.found.append(f"the element <{name[:40]}>")
        if self._depth > MAX_DEPTH:
            self.found.append(f"elements that lie more than {MAX_DEPTH} deep in each other")
        if attributes.get("xmlns", NAMESPACE) != NAMESPACE:
            self.found.append(f"another namespace in <{name[:40]}>")
        self.has_namespace = self.has_namespace or (first and "xmlns" in attributes)
        self.found.extend(f"the attribute {key[:40]}" for key in attributes if key not in _ATTRIBUTES)
        self.found.extend(f"a reference in {key}" for key, value in attributes.items() if _may_refer(key, value))

    def leave(self, name: str) -> None:
        """Take the end of an element."""
        self._depth -= 1


def _may_refer(key: str, value: str) -> bool:
    """Return whether a value may name another file. With a backslash CSS could spell `url` in other letters."""
    return key != "aria-label" and ("url(" in value.lower() or "\\" in value)
