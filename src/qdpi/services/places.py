"""Where a reader reads, as an event and as a row. Each event has every page read so far: the newest says all."""

from __future__ import annotations

from qdpi.events import ReaderPlace
from qdpi.store.rows import PlaceRow


def place_row(place: ReaderPlace) -> PlaceRow:
    """Return the row of an event."""
    return PlaceRow(
        session_id=place.session_id,
        page_id=place.page_id,
        seq=place.seq,
        at=place.ts,
        event_id=place.event_id,
        canon=place.canon,
        pages=place.pages,
    )


def reader_place(row: PlaceRow) -> ReaderPlace:
    """Return the event of a row."""
    return ReaderPlace(
        event_id=row.event_id,
        ts=row.at,
        session_id=row.session_id,
        page_id=row.page_id,
        seq=row.seq,
        canon=row.canon,
        pages=row.pages,
    )
