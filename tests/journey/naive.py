"""The words of the design about branches and debts, done the slow way: a list of pages and what hangs under what.

Nothing here is the program's: no fold, no counters. Every question is answered by looking at all pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leaf:
    """A generated page: the page it hangs under (None where that is the canon), and its anchor."""

    page_id: str
    parent: str | None
    anchor: str
    trajectory: str
    return_to: str


def ring_page_from(ring: Sequence[str], wanted: str) -> str:
    """A canon page, or, where it is gone, the next one of the ring that is there."""
    return next((page for page in ring if page >= wanted), ring[0])


class NaiveJourney:
    """All pages of a journey, in the order they were written."""

    def __init__(self) -> None:
        self.leaves: dict[str, Leaf] = {}

    def write(self, ring: Sequence[str], page_id: str, pressed: str, trajectory: str, return_to: str) -> Leaf:
        """Hang a new page where the design says, and return it."""
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
        """A T1 page has, and every page of a branch in which there is one."""
        return leaf.trajectory == "T1" or self.is_closed(self.departure(leaf))

    def line(self, leaf: Leaf) -> list[Leaf]:
        """A page and all above it, up to the one that hangs under the canon."""
        above = [leaf]
        while above[-1].parent is not None:
            above.append(self.leaves[above[-1].parent])
        return above

    def depth(self, leaf: Leaf) -> int:
        """How far a page is from its anchor."""
        return len(self.line(leaf))

    def departure(self, leaf: Leaf) -> Leaf | None:
        """The T2 or T3 page that was made where no branch was open: the uppermost one of its line."""
        return next((page for page in reversed(self.line(leaf)) if page.trajectory in {"T2", "T3"}), None)

    def branch(self, departure: Leaf) -> list[Leaf]:
        """The tree under a departure, itself included."""
        return [leaf for leaf in self.leaves.values() if departure in self.line(leaf)]

    def is_closed(self, departure: Leaf | None) -> bool:
        """A branch has come back when there is a T1 page in it."""
        return departure is not None and any(leaf.trajectory == "T1" for leaf in self.branch(departure))

    def open_departures(self, section: int) -> list[Leaf]:
        """The departures booked on a section that have not come back."""
        return [
            leaf
            for leaf in self.leaves.values()
            if self.departure(leaf) == leaf and int(leaf.anchor[1:3]) == section and not self.is_closed(leaf)
        ]

    def open_branches(self, section: int) -> int:
        """How many branches of a section have not come back."""
        return len(self.open_departures(section))

    def return_debt(self, section: int) -> int:
        """How many pages really stand in them."""
        return sum(len(self.branch(departure)) for departure in self.open_departures(section))
