"""The running text of pages in flight, for whoever joins in the middle of one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from qdpi.events import PageDelta

KEPT_PAGES: Final = 1_000
KEPT_CHARACTERS: Final = 16_000
"""The most of one page's text that is kept; a page has a quarter of it."""


@dataclass(slots=True)
class _Page:
    """What is known of one page in flight: its newest attempt, the text from its start, its last phase."""

    attempt: int
    length: int = 0
    pieces: list[str] = field(default_factory=list)
    last: PageDelta | None = None
    phase: PageDelta | None = None


class RunningTexts:
    """Pages in flight by request, bounded in pages and characters; the least recent is forgotten first."""

    def __init__(self, *, pages: int = KEPT_PAGES, characters: int = KEPT_CHARACTERS) -> None:
        self._most_pages, self._most_characters = pages, characters
        self._pages: OrderedDict[str, _Page] = OrderedDict()

    def take(self, delta: PageDelta) -> bool:
        """Add a delta; tell whether it says something new: no repeat, and of no attempt that was overtaken.

        A piece after a lost one is news, and is no part of the running text.
        """
        page = self._page_of(delta)
        if page is None:
            return False
        if not delta.text:
            page.phase = delta
            return True
        if delta.offset < page.length:
            return False
        if delta.offset == page.length and page.length + len(delta.text) <= self._most_characters:
            page.pieces.append(delta.text)
            page.length += len(delta.text)
            page.last = delta
        return True

    def _page_of(self, delta: PageDelta) -> _Page | None:
        known = self._pages.get(delta.request_id)
        if known is not None and known.attempt > delta.attempt:
            return None
        if known is None or known.attempt < delta.attempt:
            known = self._pages[delta.request_id] = _Page(delta.attempt)
        self._pages.move_to_end(delta.request_id)
        while len(self._pages) > self._most_pages:
            self._pages.popitem(last=False)
        return known

    def forget(self, request_id: str) -> None:
        """Drop a page that has its outcome."""
        self._pages.pop(request_id, None)

    def restart(self) -> None:
        """Keep only which attempts are known: pieces, or ends, may have been missed."""
        for request_id, page in self._pages.items():
            self._pages[request_id] = _Page(page.attempt)

    def of(self, journey: str) -> Iterator[PageDelta]:
        """Yield, for each page in flight of a journey, its phase and then its whole text so far."""
        for page in self._pages.values():
            if page.phase is not None and page.phase.session_id == journey:
                yield page.phase
            if page.last is not None and page.last.session_id == journey:
                yield page.last.model_copy(update={"offset": 0, "text": "".join(page.pieces)})
