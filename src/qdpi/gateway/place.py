"""Where a page of the book is: in its section, and on the ring. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from qdpi.canon.edition import Edition
from qdpi.page_schema import Page


@dataclass(frozen=True, slots=True)
class SectionRef:
    """A section: its number, its own title if it has one, its voice, and how many pages it has from which on."""

    number: int
    title: str | None
    character: int
    voice: str
    pages: int
    first_page: str


@dataclass(frozen=True, slots=True)
class Place:
    """A page's place.

    `in_section` and `on_ring` count from 1; both are None for a page that the current revision dropped. `previous` and
    `next` are its neighbours on the ring, where the last page is followed by the first.
    """

    section: SectionRef
    in_section: int | None
    on_ring: int | None
    ring: int
    previous: Page
    next: Page


def place_of(edition: Edition, page: Page) -> Place:
    """Return the place of a page of the book, of this edition or of an earlier one."""
    ring, here = edition.ring, page.page_id in edition.ring
    return Place(
        section=section_ref(edition, page.section),
        in_section=ring.pages_of(page.section).index(page.page_id) + 1 if here else None,
        on_ring=ring.position(page.page_id) + 1 if here else None,
        ring=len(ring),
        previous=edition.pages[ring.before(page.page_id)],
        next=edition.pages[ring.after(page.page_id)],
    )


def section_ref(edition: Edition, section: int) -> SectionRef:
    """Return a section, 1..16."""
    voice, pages, title = (
        edition.voices[section - 1],
        edition.ring.pages_of(section),
        edition.section_titles.get(section),
    )
    return SectionRef(section, title.title if title else None, voice.character, voice.name, len(pages), pages[0])


def sections(edition: Edition) -> list[SectionRef]:
    """Return all sections in the book's order."""
    return [section_ref(edition, character + 1) for character in sorted(edition.voices)]


def pages_of(edition: Edition, section: int) -> list[Page]:
    """Return the pages of a section in order."""
    return [edition.pages[page_id] for page_id in edition.ring.pages_of(section)]
