"""The voices' colours can be read on paper, whatever colours a book gives."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest

import qdpi
from qdpi.canon import own_book
from qdpi.gateway.colors import (
    DARK_SURFACES,
    LEAST_CONTRAST,
    LIGHT_SURFACES,
    MOST_CHROMA,
    _lch,
    _read,
    contrast,
    legible,
    luminance,
    voice_styles,
)

TOKENS = (Path(qdpi.__file__).parent / "web" / "style" / "tokens.css").read_text()
SURFACES = [LIGHT_SURFACES, DARK_SURFACES]
HOSTILE = [
    "#ffff33", "#ffffff", "#00ffff", "#000000", "#ff0000", "#00ff00", "#0000ff", "#ff00ff", "#fbf8f1", "#17161a",
    "#808080", "#fefefe", "#010101", "#bfff00", "#34ff78", "#aaaaaa",
]  # fmt: skip


def many(count: int) -> list[str]:
    chance = random.Random(17)
    return [f"#{chance.getrandbits(24):06x}" for _ in range(count)]


def contrasts(colors: list[str], surfaces: tuple[str, ...]) -> list[float]:
    """The least contrast of each with the surfaces, by WCAG's formula written out."""

    def shine(color: str) -> float:
        channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def ratio(one: float, other: float) -> float:
        return (max(one, other) + 0.05) / (min(one, other) + 0.05)

    return [min(ratio(shine(color), shine(surface)) for surface in surfaces) for color in colors]


@pytest.mark.parametrize("surfaces", SURFACES, ids=["light", "dark"])
def test_hostile_colours_become_legible(surfaces: tuple[str, ...]):
    assert min(contrasts(legible(HOSTILE, surfaces), surfaces)) >= LEAST_CONTRAST


@pytest.mark.parametrize("surfaces", SURFACES, ids=["light", "dark"])
def test_any_colour_keeps_its_hue_and_becomes_legible(surfaces: tuple[str, ...]):
    """20,000 colours: contrast after rounding to 8 bits, hue as the eye sees it, chroma bounded."""
    given = many(20_000)
    solved = _read(legible(given, surfaces))
    assert contrast(solved, luminance(_read(surfaces))).min() >= LEAST_CONTRAST
    before, after = _lch(_read(given)), _lch(solved)
    assert after[:, 1].max() <= MOST_CHROMA + 0.003
    colored = after[:, 1] > 0.03
    turned = np.abs((before[:, 2] - after[:, 2] + np.pi) % (2 * np.pi) - np.pi)[colored]
    assert np.degrees(turned).max() < 4
    assert colored.mean() > 0.9


@pytest.mark.parametrize("surfaces", SURFACES, ids=["light", "dark"])
def test_what_is_legible_already_stays(surfaces: tuple[str, ...]):
    """And what is not is changed no more than it has to be."""
    once = legible(many(500), surfaces)
    steps = np.abs(_read(legible(once, surfaces)) - _read(once)) * 255
    assert steps.max() < 2.5  # channels: a chroma that is read back from 8 bits differs a little
    assert max(contrasts(legible(["#ffffff" if surfaces is LIGHT_SURFACES else "#000000"], surfaces), surfaces)) < 4.8


def test_contrast_is_that_of_wcag():
    """Black on white is 21; a grey known from the literature is 4.54."""
    white = luminance(_read(["#ffffff"]))
    assert contrast(_read(["#000000", "#767676"]), white) == pytest.approx([21, 4.54], abs=0.01)


def test_surfaces_are_those_of_the_style_sheet():
    named = dict(re.findall(r"--(paper|raised): light-dark\((#[0-9a-f]{6}, #[0-9a-f]{6})\)", TOKENS))
    assert [tuple(named[name].split(", ")) for name in ("paper", "raised")] == list(
        zip(LIGHT_SURFACES, DARK_SURFACES, strict=True)
    )


def test_style_sheet_names_every_voice():
    styles = voice_styles(own_book().voices)
    for character in range(16):
        (light, dark) = re.findall(
            rf'\[data-voice="{character}"\] {{ --voice: light-dark\((.{{7}}), (.{{7}})\)', styles.css
        )[0]
        assert contrasts([light], LIGHT_SURFACES)[0] >= LEAST_CONTRAST
        assert contrasts([dark], DARK_SURFACES)[0] >= LEAST_CONTRAST
        assert f"--voice-{character}: light-dark({light}, {dark});" in styles.css
        assert f"@property --voice-{character} " in styles.css
    assert styles.version == voice_styles(own_book().voices).version
    assert styles.version != voice_styles(own_book().voices[::-1]).version


def test_no_voices_no_colours():
    assert legible([], LIGHT_SURFACES) == []
