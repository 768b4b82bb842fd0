"""The text so far of pages in flight, for followers that join in the middle of a page."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from qdpi.events import PageDelta

KEPT_CHARACTERS: Final = 16_000
"""The most characters kept of one page; a page usually has a quarter of this."""
KEPT_IN_ALL: Final = 120_000_000
"""The most characters kept of all pages together: 23,000 pages of 190 words, in about 120 MB."""
PAGE_ITSELF: Final = 4_000
"""The overhead of a page, counted as characters: its ids, its newest delta and its phase."""


@dataclass(slots=True)
class _Page:
    """State of one page in flight: its newest attempt, the text from its start, its last phase."""

    attempt: int
    text: str = ""
    last: PageDelta | None = None
    phase: PageDelta | None = None

    @property
    def weight(self) -> int:
        """Its memory cost, in characters."""
        return PAGE_ITSELF + len(self.text)


class TextsInFlight:
    """Pages in flight by run, bounded in characters of a page and of all pages. Forgets the least recent first."""

    def __init__(self, *, characters: int = KEPT_CHARACTERS, in_all: int = KEPT_IN_ALL) -> None:
        self._most_characters, self._most_in_all = characters, in_all
        self._pages: OrderedDict[str, _Page] = OrderedDict()
        self._weight = 0

    def take(self, delta: PageDelta) -> bool:
        """Add a delta; return whether it is new: neither a repeat nor of a superseded attempt.

        A delta after a lost one is new, but is not added to the text.
        """
        page = self._page_of(delta)
        is_new = page is not None and self._add(page, delta)
        while self._weight > self._most_in_all:
            self.forget(next(iter(self._pages)))
        return is_new

    def _add(self, page: _Page, delta: PageDelta) -> bool:
        if not delta.text:
            page.phase = delta
            return True
        if delta.offset < len(page.text):
            return False
        if delta.offset == len(page.text) and len(page.text) + len(delta.text) <= self._most_characters:
            page.text += delta.text
            page.last = delta
            self._weight += len(delta.text)
        return True

    def _page_of(self, delta: PageDelta) -> _Page | None:
        known = self._pages.get(delta.request_id)
        if known is not None and known.attempt > delta.attempt:
            return None
        if known is None or known.attempt < delta.attempt:
            self.forget(delta.request_id)
            known = self._pages[delta.request_id] = _Page(delta.attempt)
            self._weight += known.weight
        self._pages.move_to_end(delta.request_id)
        return known

    def forget(self, request_id: str) -> None:
        """Drop a page whose run has its outcome."""
        page = self._pages.pop(request_id, None)
        if page is not None:
            self._weight -= page.weight

    def restart(self) -> None:
        """Drop all texts and keep only the attempts, because deltas or outcomes may have been missed."""
        for request_id, page in self._pages.items():
            self._pages[request_id] = _Page(page.attempt)
        self._weight = PAGE_ITSELF * len(self._pages)

    def newest(self, request_id: str) -> PageDelta | None:
        """Return the newest delta of a run: one with its phase, else its newest text; None without any."""
        page = self._pages.get(request_id)
        return (page.phase or page.last) if page else None

    def text(self, request_id: str) -> PageDelta | None:
        """Return the whole text of a page in flight so far, as one delta; None while it has none."""
        page = self._pages.get(request_id)
        if page is None or page.last is None:
            return None
        return page.last.model_copy(update={"offset": 0, "text": page.text})
