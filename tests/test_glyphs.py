"""A glyph for each of the 256 symbols."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from qdpi.errors import InvalidInput, InvalidSymbol
from qdpi.glyphs import glyph_svg, glyph_title
from qdpi.symbols import symbol_name

SVG = "{http://www.w3.org/2000/svg}"
CODES = range(256)


def shapes(code: int) -> str:
    """The drawing alone, without the words."""
    return re.sub(r"<title>.*?</title>|aria-label=\"[^\"]*\"", "", glyph_svg(code))


def test_all_256_are_drawn_differently() -> None:
    assert len({shapes(code) for code in CODES}) == 256


def test_a_symbol_is_always_drawn_alike() -> None:
    assert [glyph_svg(code) for code in CODES] == [glyph_svg(code) for code in CODES]


def test_characters_share_a_figure_and_behaviours_share_their_marks() -> None:
    parts = [[ET.tostring(part) for part in ET.fromstring(glyph_svg(code)).findall(f"{SVG}g")] for code in CODES]
    figures = {figure for figure, _ in parts}
    marks = {mark for _, mark in parts}

    assert (len(figures), len(marks)) == (16, 16)
    assert all(parts[code][0] == parts[code & 0xF0][0] for code in CODES)
    assert all(parts[code][1] == parts[code & 0x0F][1] for code in CODES)


@pytest.mark.parametrize("code", CODES)
def test_each_is_well_formed_and_says_its_symbol(code: int) -> None:
    root = ET.fromstring(glyph_svg(code))
    title = root.find(f"{SVG}title")

    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert title is not None
    assert title.text == root.get("aria-label") == glyph_title(code)
    assert symbol_name(code) in glyph_title(code)


def test_the_title_says_character_and_meaning() -> None:
    assert glyph_title(0x00) == "an author: Read, Canon (an-author:XC)"


def test_none_holds_more_than_shapes_in_one_colour() -> None:
    for code in CODES:
        elements = list(ET.fromstring(glyph_svg(code)).iter())
        painted = {e.get(paint) for e in elements for paint in ("fill", "stroke")} - {None}
        assert {e.tag.removeprefix(SVG) for e in elements} <= {"svg", "g", "title", "path", "circle"}
        assert painted == {"none", "currentColor"}
        assert not {key for e in elements for key in e.attrib if "href" in key or key.startswith(("on", "style"))}


def test_every_figure_stays_inside_its_square() -> None:
    for code in CODES:
        for circle in ET.fromstring(glyph_svg(code)).iter(f"{SVG}circle"):
            x, y, r = (float(circle.attrib[key]) for key in ("cx", "cy", "r"))
            assert min(x, y) - r >= 4
            assert max(x, y) + r <= 92


@pytest.mark.parametrize("color", ["#fff", "#34FF78", "currentColor", "rebeccapurple"])
def test_a_colour_and_a_size_may_be_chosen(color: str) -> None:
    root = ET.fromstring(glyph_svg(7, color=color, size=24))

    assert (root.get("stroke"), root.get("width"), root.get("height")) == (color, "24", "24")
    assert root.get("viewBox") == "0 0 96 96"


def test_a_title_of_ones_own_is_escaped() -> None:
    words = 'A "door" & <script>'

    root = ET.fromstring(glyph_svg(7, title=words))

    assert root.findtext(f"{SVG}title") == root.get("aria-label") == words


@pytest.mark.parametrize("color", ["", "red;x", '"/><script>', "url(#a)", "#12345", "{0}"])
def test_what_is_no_colour_is_refused(color: str) -> None:
    with pytest.raises(InvalidInput, match="is not a colour"):
        glyph_svg(0, color=color)


@pytest.mark.parametrize("size", [0, -1, 4097])
def test_what_is_no_size_is_refused(size: int) -> None:
    with pytest.raises(InvalidInput, match="is not a size"):
        glyph_svg(0, size=size)


def test_a_title_with_a_control_character_is_refused() -> None:
    with pytest.raises(InvalidInput, match="control character"):
        glyph_svg(0, title="a\0")


@pytest.mark.parametrize("code", [-1, 256])
def test_a_257th_symbol_has_no_glyph(code: int) -> None:
    with pytest.raises(InvalidSymbol):
        glyph_svg(code)
