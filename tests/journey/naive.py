"""The design's rules of branches and debt in a slow, independent form: a list of pages and their parents.

Nothing here is the program's: no fold, no counters. Every question is answered by looking at all pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leaf:
    """A generated page: its parent (None on the canon), and its anchor."""

    page_id: str
    parent: str | None
    anchor: str
    trajectory: str
    return_to: str


def ring_page_from(ring: Sequence[str], wanted: str) -> str:
    """A canon page, or, where it was dropped, the next page of the ring."""
    return next((page for page in ring if page >= wanted), ring[0])


class NaiveJourney:
    """All pages of a journey, in the order of their writing."""

    def __init__(self) -> None:
        self.leaves: dict[str, Leaf] = {}

    def write(self, ring: Sequence[str], page_id: str, pressed: str, trajectory: str, return_to: str) -> Leaf:
        """Add a new page at its place in the design's tree, and return it."""
        parent = self.leaves.get(pressed)
        if parent is None:
            leaf = Leaf(page_id, None, ring_page_from(ring, pressed), trajectory, return_to)
        elif self.has_come_back(parent):
            leaf = Leaf(page_id, None, ring_page_from(ring, parent.return_to), trajectory, return_to)
        else:
            leaf = Leaf(page_id, parent.page_id, parent.anchor, trajectory, return_to)
        self.leaves[page_id] = leaf
        return leaf

    def has_come_back(self, leaf: Leaf) -> bool:
        """Whether a page has come back: a T1 page, and every page of a branch with a T1 page."""
        return leaf.trajectory == "T1" or self.is_closed(self.departure(leaf))

    def line(self, leaf: Leaf) -> list[Leaf]:
        """A page and its ancestors, up to the one under the canon."""
        above = [leaf]
        while above[-1].parent is not None:
            above.append(self.leaves[above[-1].parent])
        return above

    def depth(self, leaf: Leaf) -> int:
        """The distance of a page from its anchor."""
        return len(self.line(leaf))

    def departure(self, leaf: Leaf) -> Leaf | None:
        """The uppermost T2 or T3 page among a page and its ancestors: the departure of its branch."""
        return next((page for page in reversed(self.line(leaf)) if page.trajectory in {"T2", "T3"}), None)

    def branch(self, departure: Leaf) -> list[Leaf]:
        """The tree under a departure, including the departure."""
        return [leaf for leaf in self.leaves.values() if departure in self.line(leaf)]

    def is_closed(self, departure: Leaf | None) -> bool:
        """Whether a branch has come back: it has a T1 page."""
        return departure is not None and any(leaf.trajectory == "T1" for leaf in self.branch(departure))

    def open_departures(self, section: int) -> list[Leaf]:
        """The departures of a section's open branches."""
        return [
            leaf
            for leaf in self.leaves.values()
            if self.departure(leaf) == leaf and int(leaf.anchor[1:3]) == section and not self.is_closed(leaf)
        ]

    def open_branches(self, section: int) -> int:
        """The number of open branches of a section."""
        return len(self.open_departures(section))

    def return_debt(self, section: int) -> int:
        """The number of pages in them."""
        return sum(len(self.branch(departure)) for departure in self.open_departures(section))
