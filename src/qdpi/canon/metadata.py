"""A book's metadata beside its pages: title, author, colours, profiles, principles and drawings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from qdpi.canon.characters import character_named, slugs_of
from qdpi.canon.drawings import MAX_DRAWING, drawing_fault
from qdpi.canon.files import ABSENT, BookFolder
from qdpi.canon.validation import MAX_TITLE, WHOLE_FILE, Fault, control_character, is_absent
from qdpi.symbols import CHARACTER_MAP

INDEX: Final = "index.json"
_COLOR: Final = re.compile(r"#[0-9a-f]{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class About:
    """The metadata of a book; mappings are by character 0..15 and may lack any of them."""

    title: str
    author: str
    colors: Mapping[int, str] = field(default_factory=dict)
    profiles: Mapping[int, Mapping[str, object]] = field(default_factory=dict)
    principles: Mapping[int, str] = field(default_factory=dict)
    drawings: Mapping[int, str] = field(default_factory=dict)
    section_titles: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_about(folder: BookFolder, *, title: str, profiles: str) -> tuple[About, tuple[Fault, ...]]:
    """Read `index.json`, the profiles at the given name and the characters' folders; each may be absent.

    `title` is the default title.
    """
    faults: list[Fault] = []
    index = _optional_object(folder, INDEX, faults)
    symbols = _given(index, "symbols")
    if not isinstance(symbols, dict):
        faults.append(Fault(INDEX, WHOLE_FILE, "symbols is not an object"))
        symbols = {}
    entries = _index_entries(symbols, faults)
    described, notes = _profiles(_optional_object(folder, profiles, faults), profiles, faults)
    folders = {character: _folder(folder.root, character, entries) for character in CHARACTER_MAP}
    about = About(
        title=line_of(index.get("title"), title, "title", INDEX, faults),
        author=line_of(index.get("author"), "", "author", INDEX, faults),
        colors=_index_colors(entries, faults),
        profiles=described,
        principles=_principles(folder, folders, faults),
        drawings=_drawings(folder, folders, faults),
        section_titles=_section_titles(entries, faults),
        notes=notes,
    )
    return about, tuple(faults)


def line_of(value: object, default: str, name: str, file: str, faults: list[Fault]) -> str:
    """Return a title or an author, `default` where it is absent; add a fault where it is not one line."""
    if is_absent(value):
        return default
    line = value.strip() if isinstance(value, str) else ""
    if 0 < len(line) <= MAX_TITLE and "\n" not in line and not control_character(line):
        return line
    faults.append(Fault(file, WHOLE_FILE, f"{name} is not one line of at most {MAX_TITLE} characters"))
    return default


def color_of(value: object) -> str | None:
    """Return a colour as `#rrggbb` in lower case, or None for any other value."""
    color = value.strip().lower() if isinstance(value, str) else ""
    return color if _COLOR.fullmatch(color) else None


def shown_name(value: object) -> str:
    """Return a name to show in a fault: short, and on one line."""
    return re.sub(r"[^ -~]", lambda m: ascii(m.group())[1:-1], str(value))[:80] or "''"


def _given(value: Mapping[str, object], key: str) -> object:
    """Return a key's value, an empty object where there is none: null is no value."""
    found = value.get(key)
    return {} if found is None else found


def _optional_object(folder: BookFolder, name: str, faults: list[Fault]) -> dict[str, object]:
    if not (folder.root / name).exists() and not (folder.root / name).is_symlink():
        return {}
    value = folder.json(name)
    if isinstance(value, dict):
        return value
    faults.append(value if isinstance(value, Fault) else Fault(name, WHOLE_FILE, "this is not an object"))
    return {}


def _index_entries(symbols: Mapping[str, object], faults: list[Fault]) -> dict[int, Mapping[str, object]]:
    entries: dict[int, Mapping[str, object]] = {}
    for name, entry in symbols.items():
        character = character_named(name)
        if character is None:
            faults.append(Fault(INDEX, shown_name(name), "this character is none of the sixteen"))
        elif not isinstance(entry, dict):
            faults.append(Fault(INDEX, shown_name(name), "this is not an object"))
        else:
            entries[character] = entry
    return entries


def _index_colors(entries: Mapping[int, Mapping[str, object]], faults: list[Fault]) -> dict[int, str]:
    given = {character: entry["color"] for character, entry in entries.items() if entry.get("color") is not None}
    colors = {character: color for character, value in given.items() if (color := color_of(value))}
    wrong = sorted(given.keys() - colors.keys())
    faults.extend(Fault(INDEX, CHARACTER_MAP[character], "color is not like #34ff78") for character in wrong)
    return colors


def _section_titles(entries: Mapping[int, Mapping[str, object]], faults: list[Fault]) -> dict[int, str]:
    """Return the titles that the index gives to sections; a section's number in place of one is none."""
    given = {character: entry.get("title") for character, entry in entries.items()}
    named = {character: title for character, title in given.items() if not is_number(title)}
    titles = {c: line_of(title, "", f"title of {CHARACTER_MAP[c]}", INDEX, faults) for c, title in named.items()}
    return {character: title for character, title in titles.items() if title}


def is_number(value: object) -> bool:
    """Return whether a value is a number, or text that is one."""
    return isinstance(value, int | float) or (isinstance(value, str) and value.strip().isdecimal())


def _profiles(
    profiles: Mapping[str, object], file: str, faults: list[Fault]
) -> tuple[dict[int, Mapping[str, object]], tuple[str, ...]]:
    """Return the profiles by character, and a note on each profile of an unknown character."""
    given = _given(profiles, "characters")
    if not isinstance(given, dict):
        faults.append(Fault(file, WHOLE_FILE, "characters is not an object"))
        return {}, ()
    described: dict[int, Mapping[str, object]] = {}
    notes = []
    for name, entry in given.items():
        character = character_named(name)
        if character is None:
            notes.append(f"{file}: {shown_name(name)}: this profile has no section and was left aside")
        elif not isinstance(entry, dict):
            faults.append(Fault(file, shown_name(name), "this profile is not an object"))
        else:
            described[character] = entry
    return described, tuple(notes)


def _folder(root: Path, character: int, entries: Mapping[int, Mapping[str, object]]) -> str:
    """Return a character's folder: the one that the index names, else the first of its slugs that exists."""
    named = entries.get(character, {}).get("characterDir")
    if isinstance(named, str) and named:
        return named
    folders = [f"characters/{slug}" for slug in slugs_of(character)]
    return next((folder for folder in folders if (root / folder).is_dir()), folders[0])


def _beside(
    folder: BookFolder, folders: Mapping[int, str], name: str, limit: int, faults: list[Fault]
) -> Iterable[tuple[int, str, str]]:
    """Yield (character, file, text) for each character's folder that holds a file of this name."""
    for character, own in folders.items():
        file = f"{own}/{name}"
        text = folder.text(file, limit=limit)
        if not isinstance(text, Fault):
            yield character, file, text
        elif text.reason != ABSENT:
            faults.append(text)


def _principles(folder: BookFolder, folders: Mapping[int, str], faults: list[Fault]) -> dict[int, str]:
    found = _beside(folder, folders, "first_principles.md", 1_000_000, faults)
    return {character: text for character, _, text in found}


def _drawings(folder: BookFolder, folders: Mapping[int, str], faults: list[Fault]) -> dict[int, str]:
    drawings = {}
    for character, file, svg in _beside(folder, folders, "symbol.svg", MAX_DRAWING, faults):
        if reason := drawing_fault(svg):
            faults.append(Fault(file, WHOLE_FILE, reason))
        else:
            drawings[character] = svg.strip()
    return drawings
