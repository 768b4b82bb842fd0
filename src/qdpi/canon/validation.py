"""The rules of a page and of the ring that pages make. Pure: takes pages as found, returns pages and faults."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, NoReturn

from qdpi.canon.book import CanonPage, page_id_of
from qdpi.canon.characters import character_named
from qdpi.errors import BookRefused
from qdpi.page_schema import CANON_PAGE_ID
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES

MAX_TEXT: Final = 200_000
"""The most characters that a page's text may have."""
MAX_TITLE: Final = 300
MAX_PAGES: Final = 999_999

_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_UNSEEN: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0]")
"""Fillers and lone variation selectors: characters of a text by their category, of which nothing is seen."""
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule: where, on which page, why."""

    file: str
    page: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.page}: {self.reason}"


WHOLE_FILE: Final = "whole file"
"""The page of a fault that concerns a whole file."""


@dataclass(frozen=True, slots=True)
class RawPage:
    """A page as a layout reads it, unchecked; None where the layout has no value or reported a fault.

    `file` and `label` name the page in faults. `page_id` is `S01-P0007` or a global number.
    """

    file: str
    label: str
    page_id: object
    character: object
    section: object = None
    page_num: object = None
    title: object = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class CheckedPage:
    """A raw page after its checks; None for values that could not be read."""

    raw: RawPage
    number: int | None
    section: int | None
    character: int | None
    title: str | None
    text: str | None
    reasons: tuple[str, ...]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults of the page, each with its file and label."""
        return tuple(Fault(self.raw.file, self.raw.label, reason) for reason in self.reasons)


def refuse(path: Path, faults: Sequence[Fault], notes: tuple[str, ...] = ()) -> NoReturn:
    """Raise `BookRefused` with every fault, each once, and with notes on what was not read."""
    listed = tuple(dict.fromkeys(str(fault) for fault in faults))
    number = "1 fault" if len(listed) == 1 else f"{len(listed)} faults"
    raise BookRefused(f"The book at {path} has {number}.", faults=listed, notes=notes)


def normal_text(text: str) -> str:
    """Return a text with `\\n` line ends, without leading blank lines or trailing white space."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"\A(?:[ \t]*\n)+", "", lines).rstrip(" \t\n")


def is_absent(value: object) -> bool:
    """Tell whether a title or an author is absent: null, or a text with nothing to see."""
    return value is None or (isinstance(value, str) and _is_blank(value) and not control_character(value))


def _is_blank(text: str) -> bool:
    return all(unicodedata.category(character)[0] in "ZC" or _UNSEEN.match(character) for character in text)


def control_character(text: str) -> str | None:
    """Describe the first control character of a text (other than tab and newline), or return None."""
    found = _CONTROL.search(text)
    if found is None:
        return None
    line = text.count("\n", 0, found.start()) + 1
    return f"control character U+{ord(found.group()):04X} in line {line}"


def read_page(raw: RawPage) -> CheckedPage:
    """Check a raw page by itself."""
    claimed, number, id_reasons = _identity(raw)
    character, character_reasons = _character(raw.character)
    section, section_reasons = _section(raw.section, claimed, character)
    title, title_reasons = _title(raw.title, character)
    text = None if raw.text is None else normal_text(raw.text)
    text_reasons = () if text is None else tuple(_text_reasons(text))
    reasons = (*id_reasons, *character_reasons, *section_reasons, *title_reasons, *text_reasons)
    return CheckedPage(raw, number, section, character, title, text, reasons)


def _whole(value: object) -> int | None:
    """Return a whole number given as a number or in digits, else None; True is not a number here."""
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _identity(raw: RawPage) -> tuple[int | None, int | None, tuple[str, ...]]:
    """Return the section in the id, the global number, and the reasons against them."""
    parts = CANON_PAGE_ID.fullmatch(raw.page_id) if isinstance(raw.page_id, str) else None
    number = int(parts[2]) if parts else _whole(raw.page_id)
    claimed = int(parts[1]) if parts else None
    if number is None:
        return None, None, (f"page id {_shown(raw.page_id)} is neither like S01-P0007 nor a number",)
    reasons = []
    if not 1 <= number <= MAX_PAGES:
        reasons.append(f"page number {number} is not in 1..{MAX_PAGES}")
    if raw.page_num is not None and (named := _whole(raw.page_num)) != number:
        wrong = f"is not the {number} of its page id" if named is not None else "is not a whole number"
        reasons.append(f"page_num {_shown(raw.page_num)} {wrong}")
    return claimed, number, tuple(reasons)


def _character(value: object) -> tuple[int | None, tuple[str, ...]]:
    if value is None:
        return None, ("no character is named",)
    character = character_named(value)
    return character, () if character is not None else (f"character {_shown(value)} is none of the sixteen",)


def _section(value: object, claimed: int | None, character: int | None) -> tuple[int | None, tuple[str, ...]]:
    """Return the section from a page's field, id and character, which must agree, and the reasons against it."""
    named = _whole(value)
    if value is not None and named is None and not isinstance(value, str):
        return claimed, (f"section {_shown(value)} is not a whole number",)
    own = None if character is None else character + 1
    # A section given in words is the title of a part of the book: then the character decides.
    given = [(s, where) for s, where in ((named, "section"), (claimed, "page id")) if s is not None]
    reasons = [f"{where} {s} is not in 1..16" for s, where in given if not 1 <= s <= 16]
    if own is not None:
        reasons += [
            f"{where} says section {s}, but {CHARACTER_NAMES[own - 1]} is section {own}"
            for s, where in given
            if 1 <= s <= 16 and s != own
        ]
    elif named is not None and claimed is not None and named != claimed:
        reasons.append(f"section {named} is not the {claimed} of its page id")
    # The character decides, so that one wrong number is one fault and does not also break the ring.
    return (own if own is not None or not given else given[0][0]), tuple(reasons)


def _title(value: object, character: int | None) -> tuple[str | None, tuple[str, ...]]:
    """Return a page's title, by default its character's name, and the reasons against it."""
    if is_absent(value):
        return CHARACTER_NAMES.get(character if character is not None else -1), ()
    if not isinstance(value, str):
        return None, (f"title {_shown(value)} is not text",)
    title = value.strip()
    if len(title) > MAX_TITLE:
        return None, (f"title has {len(title):,} characters, more than {MAX_TITLE}",)
    if "\n" in title or control_character(title):
        return None, ("title holds a line break or a control character",)
    return title, ()


def _text_reasons(text: str) -> Iterator[str]:
    if _is_blank(text):
        yield "the text is empty"
    if len(text) > MAX_TEXT:
        yield f"the text has {len(text):,} characters, more than {MAX_TEXT:,}"
    if control := control_character(text):
        yield f"the text has {control}"


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def check_pages(source: str, raws: Sequence[RawPage]) -> tuple[tuple[CanonPage, ...], tuple[Fault, ...]]:
    """Return the pages in ring order and every fault of the pages and of the ring they make.

    `source` is the file named in faults of the ring. Where there are faults, pages may be missing.
    """
    checked = [read_page(raw) for raw in raws]
    faults = [fault for page in checked for fault in page.faults]
    faults += _duplicates(checked)
    faults += _gaps(source, checked)
    faults += _descents(checked)
    faults += _empty_sections(source, checked)
    pages = [page for found in checked if (page := _page(found))]
    return tuple(sorted(pages, key=lambda page: page.page_num)), tuple(faults)


def _page(checked: CheckedPage) -> CanonPage | None:
    match checked:
        case CheckedPage(
            number=int(number),
            section=int(section),
            character=int(character),
            title=str(title),
            text=str(text),
            reasons=(),
        ):
            return CanonPage(page_id_of(section, number), section, number, title, text, character)
    return None


def _duplicates(checked: Sequence[CheckedPage]) -> Iterator[Fault]:
    first: dict[int, RawPage] = {}
    for page in checked:
        if page.number is None:
            continue
        earlier = first.setdefault(page.number, page.raw)
        if earlier is not page.raw:
            reason = f"page number {page.number} was taken by {earlier.file}: {earlier.label}"
            yield Fault(page.raw.file, page.raw.label, f"duplicate id: {reason}")


def _gaps(source: str, checked: Sequence[CheckedPage]) -> Iterator[Fault]:
    numbers = sorted({page.number for page in checked if page.number is not None and 1 <= page.number <= MAX_PAGES})
    for before, after in zip([0, *numbers], numbers, strict=False):
        if after == before + 2:
            yield Fault(source, f"P{before + 1:04}", "missing page: the ring has a gap here")
        elif after > before + 2:
            span = f"P{before + 1:04} to P{after - 1:04}"
            yield Fault(source, span, f"{after - before - 1} missing pages: the ring has a gap here")


def _descents(checked: Sequence[CheckedPage]) -> Iterator[Fault]:
    placed = [(p.number, p.section, p.raw) for p in checked if p.number is not None and p.section is not None]
    placed.sort(key=lambda place: place[0])
    for (_, before, _), (_, section, raw) in pairwise(placed):
        if section < before:
            reason = f"section {section} comes after section {before}: sections ascend along the ring"
            yield Fault(raw.file, raw.label, reason)


def _empty_sections(source: str, checked: Sequence[CheckedPage]) -> Iterator[Fault]:
    present = {page.section for page in checked}
    for character, slug in CHARACTER_MAP.items():
        if character + 1 not in present:
            yield Fault(source, f"S{character + 1:02}", f"missing section: {slug} has no page")
