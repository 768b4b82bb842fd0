"""The colours of the sixteen voices, made legible: a book may give a character yellow, white or black. Pure.

A colour keeps its hue, and as much of its chroma and lightness as can be read on paper. All is computed for many
colours at once, in OKLCH (https://bottosson.github.io/posts/oklab/), where a hue stays the same to the eye when its
lightness changes. Contrast is WCAG 2's (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qdpi.ids import sha256
from qdpi.page_schema import Voice

LEAST_CONTRAST: Final = 4.6
"""The least contrast of a voice with what lies behind it; WCAG AA asks for 4.5."""
MOST_CHROMA: Final = 0.17
"""The most chroma: more is louder than a text."""
LIGHT_SURFACES: Final = ("#fbf8f1", "#f4efe3")
DARK_SURFACES: Final = ("#17161a", "#222026")
"""What a voice may stand on, the paper first. `style/tokens.css` has the same."""
VOICES_PREFIX: Final = "/web-book/"

_STEPS: Final = 11
"""Halvings of an interval of lightness or of chroma: finer than a channel of 8 bits."""
_VERSION_DIGITS: Final = 16
Colors = npt.NDArray[np.float64]
"""Colours as rows of three: sRGB channels from 0 to 1, or lightness, chroma and hue."""

_TO_LMS: Final = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB: Final = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LUMINANCE: Final = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True)
class VoiceStyles:
    """The style sheet of a book's colours. `version` changes with its text."""

    css: str

    @cached_property
    def version(self) -> str:
        """A hash of the style sheet."""
        return sha256(self.css)[:_VERSION_DIGITS]

    def href(self, root_path: str) -> str:
        """Return the address of the style sheet."""
        return f"{root_path}{VOICES_PREFIX}{self.version}/voices.css"


def voice_styles(voices: Sequence[Voice]) -> VoiceStyles:
    """Return the custom properties of a book's voices.

    `--voice-0` to `--voice-15` are those of all voices, `--voice` is that of what has `data-voice`. They are registered
    as colours, so that a script that asks for one is told what it is in the theme of now.
    """
    given = [voice.color for voice in voices]
    pairs = zip(voices, legible(given, LIGHT_SURFACES), legible(given, DARK_SURFACES), strict=True)
    lines = [_rules(voice.character, light, dark) for voice, light, dark in pairs]
    registered = "".join(_registered(voice.character, dark) for voice, dark in zip(voices, given, strict=True))
    roots = "".join(root for root, _ in lines)
    named = "".join(rule for _, rule in lines)
    return VoiceStyles(f"{registered}:root {{\n{roots}}}\n@media not (forced-colors: active) {{\n{named}}}\n")


def _rules(character: int, light: str, dark: str) -> tuple[str, str]:
    color = f"light-dark({light}, {dark})"
    return f"  --voice-{character}: {color};\n", f'[data-voice="{character}"] {{ --voice: {color}; }}\n'


def _registered(character: int, initial: str) -> str:
    return f'@property --voice-{character} {{ syntax: "<color>"; inherits: true; initial-value: {initial}; }}\n'


def legible(colors: Sequence[str], surfaces: Sequence[str]) -> list[str]:
    """Return colours (`#rrggbb`) that have `LEAST_CONTRAST` with each surface, by hue those that were given.

    Where one has it already with little enough chroma, it stays. On light surfaces the others become darker, on dark
    ones lighter, no more than they have to.
    """
    if not colors:
        return []
    behind = luminance(_read(surfaces))
    lightness, chroma, hue = _lch(_read(colors)).T
    chroma = np.minimum(chroma, MOST_CHROMA)
    safe = np.zeros_like(lightness) if float(behind.min()) > 0.5 else np.ones_like(lightness)
    kept = _in_gamut(lightness, chroma, hue)
    passing, failing = safe, lightness
    for _ in range(_STEPS):
        middle = (passing + failing) / 2
        enough = contrast(_in_gamut(middle, chroma, hue), behind) >= LEAST_CONTRAST
        passing, failing = np.where(enough, middle, passing), np.where(enough, failing, middle)
    stays = (contrast(kept, behind) >= LEAST_CONTRAST)[:, None]
    return _write(np.where(stays, kept, _in_gamut(passing, chroma, hue)))


def contrast(colors: Colors, behind: Colors) -> Colors:
    """Return the least contrast of each colour with surfaces of these luminances."""
    own = luminance(colors)[:, None]
    ratios = (np.maximum(own, behind) + 0.05) / (np.minimum(own, behind) + 0.05)
    least: Colors = ratios.min(axis=1)
    return least


def luminance(colors: Colors) -> Colors:
    """Return WCAG's relative luminance of sRGB colours."""
    result: Colors = _linear(colors) @ _LUMINANCE
    return result


def _in_gamut(lightness: Colors, chroma: Colors, hue: Colors) -> Colors:
    """Return sRGB colours in whole channels of 8 bits, with as much of the chroma as sRGB has at this lightness."""
    low, high = np.zeros_like(chroma), chroma
    fits = _fits(_rgb(lightness, chroma, hue))
    for _ in range(_STEPS if not fits.all() else 0):
        middle = (low + high) / 2
        inside = _fits(_rgb(lightness, middle, hue))
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    rgb = _rgb(lightness, np.where(fits, chroma, low), hue)
    return np.round(_encoded(rgb.clip(0, 1)) * 255) / 255


def _fits(linear: Colors) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = np.all((linear > -1e-4) & (linear < 1 + 1e-4), axis=1)
    return inside


def _lch(colors: Colors) -> Colors:
    lab = np.cbrt(_linear(colors) @ _TO_LMS.T) @ _TO_LAB.T
    return np.stack([lab[:, 0], np.hypot(lab[:, 1], lab[:, 2]), np.arctan2(lab[:, 2], lab[:, 1])], axis=1)


def _rgb(lightness: Colors, chroma: Colors, hue: Colors) -> Colors:
    """Return linear sRGB, outside 0..1 where sRGB has no such colour."""
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    result: Colors = (lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T
    return result


def _linear(colors: Colors) -> Colors:
    return np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)


def _encoded(linear: Colors) -> Colors:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _read(colors: Iterable[str]) -> Colors:
    return np.array([[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in colors], np.float64) / 255


def _write(colors: Colors) -> list[str]:
    channels: Any = np.round(colors * 255).astype(int)
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in channels]
