"""`make fonts`: subset the fonts of the reader's page into src/qdpi/web/fonts, with their licences and checksums.

Each file has Latin letters, the weights from 400 to 700 and the features that the page's styles use. Kerning is that of
weight 400 at every weight: kerning that varies is a third of a file, and is not seen at the sizes of text. The italic
of Literata has the weight 400 alone: nothing is set in a bold italic, and a first page loads it. The same versions give
the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fontTools.subset import Options, Subsetter, parse_unicodes
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

HERE: Final = Path(__file__).parent
WEB: Final = HERE.parent / "src" / "qdpi" / "web"
LISTED: Final = WEB / "vendor" / "VENDOR.json"
LOCKED: Final = HERE.parent / "requirements" / "fonts.txt"
LITERATA: Final = Path(str(files("fontpkg_literata")))
ATKINSON: Final = HERE / "node_modules" / "@fontsource-variable" / "atkinson-hyperlegible-next"

LATIN: Final = (
    "0020-007E 00A0-00FF 0131 0152-0153 02C6 02DA 02DC 2009-200A 2010-2015 2018-201E 2020-2022 2026 202F 2030 "
    "2032-2033 2039-203A 2044 20AC 2116 2122 2190-2194 2212 221E 2248 2260 2264-2265 FFFD"
)
"""The characters of Western European prose, with the arrows and signs that books have between words."""
MORE_LATIN: Final = "0100-0130 0132-0151 0154-017F 0192 01CD-01DC 0218-021B 1E80-1E85 1E9E 1EF2-1EF3"
"""The other letters of European languages: in files of their own, which a browser loads when a page has one of them."""
WEIGHTS: Final = (400, 700)
PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyz") | {"ampersand", "hyphen", "quoteright", "quotesingle"}
DIGITS: Final = frozenset({"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"})
FEATURES: Final[Mapping[str, frozenset[str] | None]] = {
    **dict.fromkeys(("ccmp", "kern", "liga", "locl", "mark", "mkmk", "rvrn")),
    "onum": DIGITS,
    "smcp": PLAIN,
    "tnum": DIGITS,
}
"""The features that stay, and the glyphs that each may replace: None for all. With accented small capitals a file would
be larger than it may be."""
UNUSED_TABLES: Final = ("VVAR", "gasp", "vhea", "vmtx")
"""What only vertical text and hinting need."""
NAMES: Final = (0, 1, 2, 3, 4, 5, 6, 13, 14, 25)
"""The names that stay: copyright, family, version and licence."""


@dataclass(frozen=True)
class Face:
    """A file to make: from which font, with which characters, at which place of the axes that do not vary."""

    name: str
    package: str
    source: Path
    characters: str
    fixed: Mapping[str, float]
    weights: tuple[int, int] = WEIGHTS


def faces() -> Iterator[Face]:
    """Give the files of the page. Literata is fixed at the optical size of 14 points, that of its paragraphs."""
    one = (WEIGHTS[0], WEIGHTS[0])
    for style, suffix, weights in (("roman", "", WEIGHTS), ("italic", "-Italic", one)):
        source = LITERATA / "files" / f"Literata{suffix}[opsz,wght].ttf"
        yield Face(f"literata-{style}.woff2", "fontpkg-literata", source, LATIN, {"opsz": 14}, weights)
        yield Face(f"literata-{style}-more.woff2", "fontpkg-literata", source, MORE_LATIN, {"opsz": 14}, weights)
    for style, suffix in (("roman", "normal"), ("italic", "italic")):
        source = ATKINSON / "files" / f"atkinson-hyperlegible-next-latin-wght-{suffix}.woff2"
        yield Face(f"atkinson-{style}.woff2", "@fontsource-variable/atkinson-hyperlegible-next", source, LATIN, {})


def made(face: Face) -> bytes:
    """Return a face's bytes."""
    font = TTFont(face.source, recalcTimestamp=False)
    _narrow(font)
    options = Options()
    options.layout_features = list(FEATURES)
    options.hinting = False
    options.glyph_names = False
    options.name_IDs = list(NAMES)
    options.drop_tables += UNUSED_TABLES
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=parse_unicodes(face.characters))
    subsetter.subset(font)
    plain = _saved(font)
    lightest, heaviest = face.weights
    still = instantiateVariableFont(_opened(plain), {**face.fixed, "wght": lightest})
    if lightest == heaviest:
        return _saved(still, "woff2")
    varying = instantiateVariableFont(_opened(plain), {**face.fixed, "wght": face.weights})
    if "GPOS" in still:
        varying["GPOS"] = still["GPOS"]
        varying["GDEF"].table.VarStore = None
        varying["GDEF"].table.Version = min(varying["GDEF"].table.Version, 0x00010002)
    return _saved(varying, "woff2")


def _narrow(font: TTFont) -> None:
    """Take from each feature the substitutions of glyphs that `FEATURES` does not give it."""
    table = font["GSUB"].table
    for record in table.FeatureList.FeatureRecord:
        glyphs = FEATURES.get(record.FeatureTag)
        if glyphs is None:
            continue
        for index in record.Feature.LookupListIndex:
            for subtable in table.LookupList.Lookup[index].SubTable:
                single = getattr(subtable, "ExtSubTable", subtable)
                single.mapping = {before: after for before, after in single.mapping.items() if before in glyphs}


def _saved(font: TTFont, flavor: str | None = None) -> bytes:
    kept = io.BytesIO()
    font.flavor = flavor
    font.save(kept)
    return kept.getvalue()


def _opened(content: bytes) -> TTFont:
    return TTFont(io.BytesIO(content), recalcTimestamp=False)


def sha256(content: bytes) -> str:
    """Return a checksum as VENDOR.json has it."""
    return hashlib.sha256(content).hexdigest()


def packages() -> list[dict[str, Any]]:
    """Describe where the fonts come from, and write their licences."""
    lock = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    atkinson = lock[f"node_modules/{ATKINSON.relative_to(HERE / 'node_modules').as_posix()}"]
    return [
        {
            "name": "@fontsource-variable/atkinson-hyperlegible-next",
            "version": atkinson["version"],
            "licence": "OFL-1.1",
            "integrity": atkinson["integrity"],
            **_licence("fonts/atkinson-OFL.txt", ATKINSON / "LICENSE"),
        },
        {
            "name": "fontpkg-literata",
            "version": version("fontpkg-literata"),
            "licence": "OFL-1.1",
            "integrity": _integrity("fontpkg-literata"),
            **_licence("fonts/literata-OFL.txt", LITERATA / "LICENSE"),
        },
    ]


def _integrity(package: str) -> str:
    """Return the checksums that pip holds a package against, written as npm writes them."""
    locked = re.search(
        rf"^{package}==[^\n]*\n((?:    --hash=\S+[^\n]*\n)+)", LOCKED.read_text(encoding="utf-8"), re.MULTILINE
    )
    if locked is None:
        raise SystemExit(f"{LOCKED} has no hash of {package}. Run: make lock")
    return " ".join(
        f"sha256-{b64encode(bytes.fromhex(each)).decode()}" for each in re.findall("sha256:(\\w+)", locked[1])
    )


def _licence(name: str, source: Path) -> dict[str, str]:
    lines = source.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line.rstrip() for line in lines).rstrip() + "\n"
    (WEB / name).write_text(text, encoding="utf-8")
    return {"licence_text": name, "licence_sha256": sha256(text.encode())}


def main() -> None:
    """Make all files, and list them."""
    logging.disable(logging.WARNING)
    (WEB / "fonts").mkdir(exist_ok=True)
    listed: dict[str, Any] = {}
    for face in faces():
        content = made(face)
        (WEB / "fonts" / face.name).write_bytes(content)
        listed[f"fonts/{face.name}"] = {"sha256": sha256(content), "bytes": len(content), "packages": [face.package]}
        print(f"fonts/{face.name}: {len(content)} bytes, sha256 {sha256(content)}")
    document = json.loads(LISTED.read_text(encoding="utf-8"))
    tool = {"command": "make fonts", "tool": "fonttools", "version": version("fonttools")}
    document["fonts"] = {"made_by": tool, "files": listed, "packages": packages()}
    LISTED.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
