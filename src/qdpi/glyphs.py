"""A drawn glyph for each of the 256 symbols. Pure: takes a symbol code, returns an SVG text.

Sixteen figures represent the characters. A quarter of a ring shows the orientation by its side (X Read above,
Y Index right, A Ask below, Z Receive left), and a mark across from it the provenance (C Canon a dot, P
Parallel two bars, U User a ring, S System a cross). Drawn on 96 units; the strokes, 8 and 4, are two pixels
and one at 24 px.
"""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from qdpi.errors import InvalidInput
from qdpi.symbols import CHARACTER_NAMES, PROFILES, Orientation, Provenance, decode_symbol, profile_of, symbol_name

_COLOR: Final = re.compile(r"#[0-9a-fA-F]{3}|#[0-9a-fA-F]{6}|[a-zA-Z]{1,30}", re.ASCII)
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LARGEST: Final = 4_096

_FIGURES: Final[tuple[str, ...]] = (
    # an author: a doorway, open at the foot
    '<path d="M30 68V44a18 18 0 0 1 36 0v24M24 68h12M60 68h12"/>',
    # London Fox: a fox's mask
    '<path d="M26 28l12 10h20l12-10v22L48 70 26 50z"/>',
    # Glyph Marrow: word and object, one through the other
    '<circle cx="40" cy="48" r="16"/><circle cx="56" cy="48" r="16"/>',
    # Phillip Bafflemint: things put in order
    '<path d="M26 32h44M32 48h32M38 64h20"/>',
    # Jacklyn Variance: an eye
    '<path d="M22 48q26-34 52 0q-26 34-52 0z"/><circle cx="48" cy="48" r="5" fill="{color}"/>',
    # Oren Progresso: a clapperboard, open
    '<path d="M26 44h44v26H26zM26 40L66 24"/>',
    # Old Natalie Weissman: an hourglass
    '<path d="M30 26h36L30 70h36z"/>',
    # Princhetta: a crown
    '<path d="M26 66V32l12 16 10-20 10 20 12-16v34z"/>',
    # Cop-E-Right: the letter in its circle
    '<circle cx="48" cy="48" r="22"/><path d="M55 41a10 10 0 1 0 0 14"/>',
    # New Natalie Weissman: lightning
    '<path d="M54 26L34 50h28L44 70"/>',
    # Arieol Owlist: an owl's eyes and beak
    '<path d="M24 26l24 11 24-11M48 60v8"/><circle cx="36" cy="52" r="9"/><circle cx="60" cy="52" r="9"/>',
    # Jack Parlance: a loop that returns into itself
    '<path d="M48 48c-8-12-26-14-26 0s18 12 26 0 26-14 26 0-18 12-26 0z"/>',
    # Manny Valentinas: a heart
    '<path d="M48 70L28 48a11.5 11.5 0 0 1 20-13 11.5 11.5 0 0 1 20 13z"/>',
    # Shamrock Stillman: three leaves
    (
        '<circle cx="48" cy="34" r="9"/><circle cx="36" cy="52" r="9"/><circle cx="60" cy="52" r="9"/>'
        '<path d="M48 48v22"/>'
    ),
    # Todd Fishbone: spine and ribs
    '<path d="M22 37l8 11-8 11M30 48h28M43 37v22M57 34l17 14-17 14z"/>',
    # The Author: a nib
    '<path d="M48 24L66 50 56 70H40L30 50zM48 26v20"/><circle cx="48" cy="52" r="4" fill="{color}"/>',
)

_GRID: Final = 'viewBox="0 0 96 96"'
_STROKE: Final = 'fill="none" stroke-linecap="round" stroke-linejoin="round"'
_TURNS: Final = {Orientation.READ: 0, Orientation.INDEX: 90, Orientation.ASK: 180, Orientation.RECEIVE: 270}
_ARC: Final = '<path d="M20 20A39.6 39.6 0 0 1 76 20"/>'
_MARKS: Final = {
    Provenance.CANON: '<circle cx="48" cy="86" r="6" fill="{color}" stroke="none"/>',
    Provenance.PARALLEL: '<path d="M37 82h22M37 90h22"/>',
    Provenance.USER: '<circle cx="48" cy="86" r="6"/>',
    Provenance.SYSTEM: '<path d="M48 79v14M41 86h14"/>',
}


def glyph_svg(symbol_code: int, *, color: str = "currentColor", size: int = 96, title: str | None = None) -> str:
    """Return a symbol's glyph as an SVG element, `size` pixels square.

    `color` is a CSS colour name, `currentColor`, `#rgb` or `#rrggbb`; `title` replaces the symbol's own name.
    Raises `InvalidSymbol` outside 0..255, and `InvalidInput` for a size outside 1..4096 and for a colour or
    title that an SVG cannot hold.
    """
    character, _ = decode_symbol(symbol_code)
    named = glyph_title(symbol_code) if title is None else title
    _check(color, size, named)
    shapes = f'<g stroke-width="8">{_FIGURES[character]}</g>{_ring(symbol_code)}'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {_GRID} width="{size}" height="{size}" '
        f'role="img" aria-label={quoteattr(named)} {_STROKE} stroke="{color}" stroke-width="4">'
        f"<title>{escape(named)}</title>{shapes.format(color=color)}</svg>"
    )


def glyph_sprite() -> str:
    """Return one SVG with the parts of all glyphs, for `<use href="glyphs.svg#f1">`, in the current text colour.

    `f0` to `fF` are the figures of the characters, `b0` to `bF` the quarter rings and marks of the behaviours: the
    glyph of 0x1F is `f1` under `bF`.
    """
    figures = (_part(f"f{number:X}", 8, figure) for number, figure in enumerate(_FIGURES))
    behaviours = (_part(f"b{code:X}", 4, _ring(code)) for code in range(len(PROFILES)))
    shapes = "\n".join((*figures, *behaviours)).format(color="currentColor")
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{shapes}\n</svg>\n'


def _part(name: str, width: int, shapes: str) -> str:
    # What uses a part takes nothing from the file around it: each says all about its strokes.
    return f'<symbol id="{name}" {_GRID} {_STROKE} stroke="currentColor" stroke-width="{width}">{shapes}</symbol>'


def _ring(symbol_code: int) -> str:
    """Return the quarter ring and the mark of a symbol's behaviour."""
    profile = profile_of(symbol_code)
    turned = f"rotate({_TURNS[profile.orientation]} 48 48)"
    return f'<g transform="{turned}">{_ARC}{_MARKS[profile.provenance]}</g>'


def glyph_title(symbol_code: int) -> str:
    """Return the meaning of a glyph in words, such as `an author: Read, Canon (an-author:XC)`."""
    character, _ = decode_symbol(symbol_code)
    return f"{CHARACTER_NAMES[character]}: {profile_of(symbol_code).meaning} ({symbol_name(symbol_code)})"


def _check(color: str, size: int, title: str) -> None:
    if not _COLOR.fullmatch(color):
        raise InvalidInput(f"{color[:40]!r} is not a colour for a glyph.", next_step="Give #rrggbb or a name.")
    if not 1 <= size <= _LARGEST:
        raise InvalidInput(f"{size!r} is not a size for a glyph.", next_step=f"Give 1 to {_LARGEST} pixels.")
    if _UNPRINTABLE.search(title):
        raise InvalidInput(f"The title {title[:40]!r} holds a control character.")
