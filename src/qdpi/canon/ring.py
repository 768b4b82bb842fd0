"""The rules of the ring that a book's pages make. Pure: takes pages as they were found, gives pages and faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from qdpi.canon.book import CanonPage, page_id_of
from qdpi.canon.validation import MAX_PAGES, Fault, RawPage, Reading, read_page
from qdpi.symbols import CHARACTER_MAP


def check_pages(source: str, raws: Sequence[RawPage]) -> tuple[tuple[CanonPage, ...], tuple[Fault, ...]]:
    """Return the pages in ring order and every fault of the pages and of the ring they make.

    `source` is the file that the ring's own faults are booked on. With faults the pages are incomplete.
    """
    readings = [read_page(raw) for raw in raws]
    faults = [fault for reading in readings for fault in reading.faults]
    faults += _duplicates(readings)
    faults += _gaps(source, readings)
    faults += _descents(readings)
    faults += _empty_sections(source, readings)
    pages = [page for reading in readings if (page := _page(reading))]
    return tuple(sorted(pages, key=lambda page: page.page_num)), tuple(faults)


def _page(reading: Reading) -> CanonPage | None:
    match reading:
        case Reading(
            number=int(number),
            section=int(section),
            character=int(character),
            title=str(title),
            text=str(text),
            reasons=(),
        ):
            return CanonPage(page_id_of(section, number), section, number, title, text, character)
    return None


def _duplicates(readings: Sequence[Reading]) -> Iterator[Fault]:
    first: dict[int, RawPage] = {}
    for reading in readings:
        if reading.number is None:
            continue
        earlier = first.setdefault(reading.number, reading.raw)
        if earlier is not reading.raw:
            reason = f"page number {reading.number} was taken by {earlier.file}: {earlier.label}"
            yield Fault(reading.raw.file, reading.raw.label, f"duplicate id: {reason}")


def _gaps(source: str, readings: Sequence[Reading]) -> Iterator[Fault]:
    numbers = sorted({r.number for r in readings if r.number is not None and 1 <= r.number <= MAX_PAGES})
    for before, after in zip([0, *numbers], numbers, strict=False):
        if after == before + 2:
            yield Fault(source, f"P{before + 1:04}", "missing page: the ring has a gap here")
        elif after > before + 2:
            span = f"P{before + 1:04} to P{after - 1:04}"
            yield Fault(source, span, f"{after - before - 1} missing pages: the ring has a gap here")


def _descents(readings: Sequence[Reading]) -> Iterator[Fault]:
    placed = [(r.number, r.section, r.raw) for r in readings if r.number is not None and r.section is not None]
    placed.sort(key=lambda place: place[0])
    for (_, before, _), (_, section, raw) in pairwise(placed):
        if section < before:
            reason = f"section {section} comes after section {before}: sections ascend along the ring"
            yield Fault(raw.file, raw.label, reason)


def _empty_sections(source: str, readings: Sequence[Reading]) -> Iterator[Fault]:
    present = {reading.section for reading in readings}
    for character, slug in CHARACTER_MAP.items():
        if character + 1 not in present:
            yield Fault(source, f"S{character + 1:02}", f"missing section: {slug} has no page")
