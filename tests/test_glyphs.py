"""A glyph for each of the 256 symbols."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import qdpi
from qdpi.errors import InvalidInput, InvalidSymbol
from qdpi.glyphs import glyph_sprite, glyph_svg, glyph_title
from qdpi.symbols import symbol_name

SVG = "{http://www.w3.org/2000/svg}"
CODES = range(256)


def shapes(code: int) -> str:
    """The drawing alone, without the words."""
    return re.sub(r"<title>.*?</title>|aria-label=\"[^\"]*\"", "", glyph_svg(code))


def test_glyphs_are_distinct() -> None:
    """The glyphs of all 256 symbols differ."""
    assert len({shapes(code) for code in CODES}) == 256


def test_glyph_is_deterministic() -> None:
    """A symbol's glyph is always the same."""
    assert [glyph_svg(code) for code in CODES] == [glyph_svg(code) for code in CODES]


def test_glyphs_share_figures_and_marks() -> None:
    """Characters share a figure and behaviours share their marks."""
    parts = [[ET.tostring(part) for part in ET.fromstring(glyph_svg(code)).findall(f"{SVG}g")] for code in CODES]
    figures = {figure for figure, _ in parts}
    marks = {mark for _, mark in parts}

    assert (len(figures), len(marks)) == (16, 16)
    assert all(parts[code][0] == parts[code & 0xF0][0] for code in CODES)
    assert all(parts[code][1] == parts[code & 0x0F][1] for code in CODES)


@pytest.mark.parametrize("code", CODES)
def test_glyph_is_well_formed_and_named(code: int) -> None:
    """Each glyph is well-formed and has the symbol's name."""
    root = ET.fromstring(glyph_svg(code))
    title = root.find(f"{SVG}title")

    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert title is not None
    assert title.text == root.get("aria-label") == glyph_title(code)
    assert symbol_name(code) in glyph_title(code)


def test_glyph_title_has_character_and_meaning() -> None:
    """The title says character and meaning."""
    assert glyph_title(0x00) == "an author: Read, Canon (an-author:XC)"


def test_glyph_has_shapes_in_one_colour_only() -> None:
    """A glyph holds only shapes in one colour."""
    for code in CODES:
        elements = list(ET.fromstring(glyph_svg(code)).iter())
        painted = {e.get(paint) for e in elements for paint in ("fill", "stroke")} - {None}
        assert {e.tag.removeprefix(SVG) for e in elements} <= {"svg", "g", "title", "path", "circle"}
        assert painted == {"none", "currentColor"}
        assert not {key for e in elements for key in e.attrib if "href" in key or key.startswith(("on", "style"))}


def test_glyph_stays_inside_its_square() -> None:
    """Every figure stays inside its square."""
    for code in CODES:
        for circle in ET.fromstring(glyph_svg(code)).iter(f"{SVG}circle"):
            x, y, r = (float(circle.attrib[key]) for key in ("cx", "cy", "r"))
            assert min(x, y) - r >= 4
            assert max(x, y) + r <= 92


@pytest.mark.parametrize("color", ["#fff", "#34FF78", "currentColor", "rebeccapurple"])
def test_glyph_colour_and_size(color: str) -> None:
    """A colour and a size may be chosen."""
    root = ET.fromstring(glyph_svg(7, color=color, size=24))

    assert (root.get("stroke"), root.get("width"), root.get("height")) == (color, "24", "24")
    assert root.get("viewBox") == "0 0 96 96"


def test_glyph_title_is_escaped() -> None:
    """A given title is escaped."""
    words = 'A "door" & <script>'

    root = ET.fromstring(glyph_svg(7, title=words))

    assert root.findtext(f"{SVG}title") == root.get("aria-label") == words


@pytest.mark.parametrize("color", ["", "red;x", '"/><script>', "url(#a)", "#12345", "{0}"])
def test_invalid_colour_is_refused(color: str) -> None:
    """An invalid colour is refused."""
    with pytest.raises(InvalidInput, match="is not a colour"):
        glyph_svg(0, color=color)


@pytest.mark.parametrize("size", [0, -1, 4097])
def test_invalid_size_is_refused(size: int) -> None:
    """An invalid size is refused."""
    with pytest.raises(InvalidInput, match="is not a size"):
        glyph_svg(0, size=size)


def test_title_with_control_character_is_refused() -> None:
    """A title with a control character is refused."""
    with pytest.raises(InvalidInput, match="control character"):
        glyph_svg(0, title="a\0")


@pytest.mark.parametrize("code", [-1, 256])
def test_symbol_256_is_refused(code: int) -> None:
    """A 257th symbol has no glyph."""
    with pytest.raises(InvalidSymbol):
        glyph_svg(code)


def drawn(element: ET.Element) -> list[tuple[str, dict[str, str]]]:
    """The shapes in an element, each with all that its ancestors say of its strokes, inside the element."""
    found: list[tuple[str, dict[str, str]]] = []

    def walk(node: ET.Element, inherited: dict[str, str]) -> None:
        said = inherited | {k: v for k, v in node.attrib.items() if k.startswith(("stroke", "fill", "transform"))}
        if node.tag in {f"{SVG}path", f"{SVG}circle"}:
            found.append((node.tag, said | {k: v for k, v in node.attrib.items() if k in {"d", "cx", "cy", "r"}}))
        for child in node:
            walk(child, said)

    walk(element, {})
    return found


def test_sprite_has_the_parts_of_every_glyph() -> None:
    """The glyph of a symbol is its character's figure and its behaviour's mark, stroke for stroke."""
    root = ET.fromstring(glyph_sprite())
    parts = {part.get("id"): part for part in root}
    assert set(parts) == {f"{kind}{number:X}" for kind in "fb" for number in range(16)}
    for code in CODES:
        whole = drawn(ET.fromstring(glyph_svg(code)))
        assert drawn(parts[f"f{code >> 4:X}"]) + drawn(parts[f"b{code & 15:X}"]) == whole
        assert {parts[name].get("viewBox") for name in (f"f{code >> 4:X}", f"b{code & 15:X}")} == {"0 0 96 96"}


def test_sprite_takes_the_text_s_colour() -> None:
    """It has no other colour, and nothing that could run or load."""
    elements = list(ET.fromstring(glyph_sprite()).iter())
    assert {e.get(paint) for e in elements for paint in ("fill", "stroke")} == {None, "none", "currentColor"}
    assert {e.tag.removeprefix(SVG) for e in elements} == {"svg", "symbol", "g", "path", "circle"}
    assert not {key for e in elements for key in e.attrib if "href" in key or key.startswith(("on", "style"))}


def test_shipped_sprite_is_the_one_that_the_code_draws() -> None:
    """The file of the reader's page is what `make docs` writes."""
    shipped = Path(qdpi.__file__).parent / "web" / "glyphs.svg"
    assert shipped.read_text(encoding="utf-8") == glyph_sprite()
    assert len(glyph_sprite()) < 8_000
