"""The ring: the canon's pages in their closed order of NEXT edges."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property

from qdpi.errors import UnknownPage


class Ring:
    """The ids of a canon revision's pages, in ring order, with the section of each.

    Except for `resolve`, methods raise `UnknownPage` for an id that is not on the ring.
    """

    def __init__(self, pages: Sequence[tuple[str, int]]) -> None:
        self.page_ids = tuple(page_id for page_id, _ in pages)
        self._sections = dict(pages)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {page_id: position for position, page_id in enumerate(self.page_ids)}

    @cached_property
    def _by_section(self) -> dict[int, tuple[str, ...]]:
        found: dict[int, list[str]] = {}
        for page_id in self.page_ids:
            found.setdefault(self._sections[page_id], []).append(page_id)
        return {section: tuple(pages) for section, pages in found.items()}

    def __contains__(self, page_id: object) -> bool:
        return page_id in self._sections

    def __len__(self) -> int:
        return len(self.page_ids)

    @property
    def first(self) -> str:
        """The page where a journey begins."""
        return self.page_ids[0]

    def position(self, page_id: str) -> int:
        """Return a page's position in the ring, from 0."""
        try:
            return self._positions[page_id]
        except KeyError:
            raise UnknownPage(f"{page_id[:80]!r} is not a page of the ring.") from None

    def section_of(self, page_id: str) -> int:
        """Return the section of a page."""
        self.position(page_id)
        return self._sections[page_id]

    def step(self, page_id: str, count: int = 1) -> str:
        """Return the page `count` steps further along the ring; negative counts go back."""
        return self.page_ids[(self.position(page_id) + count) % len(self.page_ids)]

    def after(self, page_id: str) -> str:
        """Return the ring page after an id, which may be on the ring or dropped by a later revision."""
        return self.step(page_id) if page_id in self else self.resolve(page_id)

    def before(self, page_id: str) -> str:
        """Return the ring page before an id, which may be on the ring or dropped by a later revision."""
        return self.step(self.resolve(page_id), -1)

    def pages_of(self, section: int) -> tuple[str, ...]:
        """Return the pages of a section, in order."""
        return self._by_section.get(section, ())

    def resolve(self, page_id: str) -> str:
        """Return the page itself, or, where a later revision dropped it, the next page of this ring.

        Canon ids sort in ring order, which defines "next" for a dropped id.
        """
        if page_id in self:
            return page_id
        return self.page_ids[bisect_left(self.page_ids, page_id) % len(self.page_ids)]
