"""A journey as a folder of Markdown files, one a page, in a zip file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from qdpi.export.itinerary import Itinerary
from qdpi.export.markdown import markdown_of
from qdpi.export.zip_stream import ZipStream
from qdpi.page_schema import Page

_LONGEST_NAME: Final = 60


class MarkdownFolder:
    """Writes `pages/00001-a-title.md` for what was written, `canon/S01-P0001.md` for pages of the book."""

    def __init__(self, itinerary: Itinerary) -> None:
        self._itinerary = itinerary
        self._zip = ZipStream()

    def add(self, pages: Sequence[Page]) -> bytes:
        """Write pages."""
        for page in pages:
            self._zip.add(name_of(page), markdown_of(page))
        return self._zip.take()

    def end(self) -> bytes:
        """End the zip file."""
        return self._zip.close()


def name_of(page: Page) -> str:
    """Return a page's place in the folder."""
    if page.seq is None:
        return f"canon/{page.page_id}.md"
    slug = re.sub(r"[^\w]+", "-", page.title.lower()).strip("-_")[:_LONGEST_NAME].strip("-_")
    return f"pages/{page.seq:05}-{slug or page.page_id}.md"
