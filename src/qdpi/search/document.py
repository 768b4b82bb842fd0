"""A document: the fields of a page that search reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from qdpi.page_schema import EdgeType, Page
from qdpi.symbols import Trajectory, decode_symbol

Kind = Literal["canon", "journey"]
KINDS: Final[tuple[Kind, ...]] = ("canon", "journey")
"""The kinds of documents; of equal scores, the canon comes first."""


@dataclass(frozen=True, slots=True)
class Document:
    """A page of the canon or of a journey. `order` is its place in the ring from 0, or its seq.

    Of a page of a journey, `locus` is the page it was pressed on, `anchor` the canon page its tree grows from,
    and `canon_revision` the revision it was generated on.
    """

    page_id: str
    kind: Kind
    order: int
    title: str
    text: str
    section: int
    symbol_code: int
    trajectory: Trajectory
    edges: tuple[tuple[EdgeType, str], ...] = ()
    page_num: int | None = None
    locus: str | None = None
    anchor: str | None = None
    canon_revision: int | None = None

    @property
    def character(self) -> int:
        """The character, 0..15."""
        return decode_symbol(self.symbol_code)[0]

    @property
    def behavior(self) -> int:
        """The behaviour, 0..15."""
        return decode_symbol(self.symbol_code)[1]


def document_of(page: Page, order: int) -> Document:
    """Return a page as a document."""
    place = page.placement
    return Document(
        page_id=page.page_id,
        kind="canon" if place is None else "journey",
        order=order,
        title=page.title,
        text=page.text,
        section=page.section,
        symbol_code=page.symbol_code,
        trajectory=page.trajectory,
        edges=page.edges.typed(),
        page_num=page.page_num,
        locus=place.locus if place else None,
        anchor=place.anchor if place else None,
        canon_revision=page.canon_revision,
    )
