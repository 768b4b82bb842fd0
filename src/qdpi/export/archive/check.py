"""Checks an archive line by line: reads the lines, and refuses the first that disagrees with the others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from pydantic import BaseModel

from qdpi.errors import MalformedEvent
from qdpi.export.archive.container import refusal
from qdpi.export.archive.format import LOG, MANIFEST, OUTCOMES, PLACE, Manifest
from qdpi.export.archive.read import Archive, read_values
from qdpi.export.archive.verify_log import LogVerifier, event_of, headers_fault, row_fault
from qdpi.export.archive.verify_outcomes import JourneyVerifier, manifest_fault
from qdpi.ids import bitmap_highest
from qdpi.outcome import LogEntry, Outcome
from qdpi.store.rows import PlaceRow


class ArchiveCheck:
    """Reads an archive's outcomes, and then its rows of the events log; each value is checked before it is yielded."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._journey = JourneyVerifier(archive.manifest)
        self._ends: dict[str, bytes] = {}

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcomes in order. Raises `ArchiveRefused` at the first invalid line."""
        if why := manifest_fault(self._archive.manifest):
            raise refusal(MANIFEST, None, why)
        for number, outcome in read_values(self._archive, OUTCOMES, Outcome):
            if why := self._journey.take(number, outcome):
                raise refusal(OUTCOMES, number, why)
            self._ends[outcome.event.event_id] = digest_of(outcome.event)
            yield outcome
        if why := self._journey.end():
            raise refusal(MANIFEST, None, why)

    def rows(self) -> Iterator[LogEntry]:
        """Yield the rows in order, after the outcomes were read. Raises `ArchiveRefused` at the first invalid line."""
        log = LogVerifier(self._journey, self._archive.manifest.session_id)
        for number, row in read_values(self._archive, LOG, LogEntry):
            try:
                why = log.take(number, row) or self._end_fault(row, log.outcome_named(row)) or headers_fault(row)
            except MalformedEvent as error:
                why = error.detail.rstrip(".")
            if why:
                raise refusal(LOG, number, why)
            yield row

    def place(self) -> PlaceRow | None:
        """Return where the reader reads, None where the archive has no place. Raises `ArchiveRefused`."""
        manifest = self._archive.manifest
        if PLACE not in manifest.files:
            return None
        places = [place for _, place in read_values(self._archive, PLACE, PlaceRow)]
        if len(places) != 1:
            raise refusal(PLACE, None, f"it has {len(places)} lines; a journey has one place")
        if why := _place_fault(places[0], manifest):
            raise refusal(PLACE, 1, why)
        return places[0]

    def writes(self, page_id: str) -> bool:
        """Tell whether one of the outcomes that were read has this page."""
        return page_id in self._journey.pages

    def _end_fault(self, row: LogEntry, seq: int | None) -> str | None:
        """Return how a row differs from the outcome whose event it has; the outcome is read again to say how."""
        if seq is None or self._ends[row.event_id] == digest_of(event_of(row)):
            return None
        outcomes = (outcome for _, outcome in read_values(self._archive, OUTCOMES, Outcome, after=seq - 1))
        return row_fault(row, next(outcomes))


def check_lines(archive: Archive) -> None:
    """Check every line of an archive. Raises `ArchiveRefused`."""
    check = ArchiveCheck(archive)
    for _ in check.outcomes():
        pass
    for _ in check.rows():
        pass
    check.place()


def _place_fault(place: PlaceRow, manifest: Manifest) -> str | None:
    if place.session_id != manifest.session_id:
        return f"it belongs to the journey {place.session_id!r:.80}"
    try:
        named = max(place.seq, bitmap_highest(place.pages))
        bitmap_highest(place.canon)
    except ValueError as error:
        return str(error).rstrip(".")
    return f"it names outcome {named}, and the journey has {manifest.outcomes}" if named > manifest.outcomes else None


def digest_of(value: BaseModel) -> bytes:
    """Return a short hash of a value, for comparison."""
    return hashlib.blake2b(value.model_dump_json().encode(), digest_size=16).digest()
