"""Look up a page by its title or its id, misspelt or not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from qdpi.search.document import Document
from qdpi.search.index import InvertedIndex
from qdpi.search.text import spellings

LONGEST: Final = 100
"""The longest text that is looked up, in characters."""
LEAST_SIMILARITY: Final = 70.0
"""The least similarity of a title or an id, of 100."""
_NUMBERED: Final = re.compile(r"(?:s(?P<section>\d{1,2})[\s-]*)?(?:p|page)?\s*(?P<page>\d{1,6})", re.IGNORECASE)
_LIKE_AN_ID: Final = re.compile(r"s\S{0,4}\d\S{0,8}", re.IGNORECASE)
_BEGINNING: Final = re.compile(r"[0-9a-f]{4}[0-9a-f-]{0,32}", re.IGNORECASE)


class Match(NamedTuple):
    """A page that a text may mean, and the similarity of its title or id to the text, 0..100."""

    document: Document
    similarity: float


class PageLookup:
    """Looks up the pages of an index by title and id. Of pages with the same title it knows the first."""

    def __init__(self, index: InvertedIndex) -> None:
        self.index = index
        self._titles: dict[str, Document] = {}
        for document in index.documents:
            self._titles.setdefault(_plain(document.title), document)

    def match(self, text: str, own: Sequence[InvertedIndex] = (), limit: int = 5) -> list[Match]:
        """Return the pages that a text may mean, by number, id or title, the most similar first.

        `own` are indexes of a journey's pages. They match by their id, or by four or more of its first
        characters.
        """
        wanted = text.strip()
        if not wanted or len(wanted) > LONGEST:
            return []
        matches = [*self._numbered(wanted), *_begun(wanted, own), *self._similar(wanted, limit)]
        best: dict[str, Match] = {}
        for match in sorted(matches, key=lambda match: (-match.similarity, match.document.kind, match.document.order)):
            best.setdefault(match.document.page_id, match)
        return list(best.values())[:limit]

    def _numbered(self, wanted: str) -> list[Match]:
        found = _NUMBERED.fullmatch(wanted)
        if found is None:
            return []
        page, section = int(found["page"]), int(found["section"]) if found["section"] else None
        return [
            Match(document, 100.0)
            for document in self.index.documents
            if document.page_num == page and section in {None, document.section}
        ]

    def _similar(self, wanted: str, limit: int) -> list[Match]:
        from rapidfuzz import fuzz, process

        titles = process.extract(
            _plain(wanted), self._titles.keys(), scorer=fuzz.WRatio, score_cutoff=LEAST_SIMILARITY, limit=limit
        )
        matches = [Match(self._titles[title], round(score, 1)) for title, score, _ in titles]
        if _LIKE_AN_ID.fullmatch(wanted):
            ids = process.extract(
                wanted.upper(), self.index.row_of.keys(), scorer=fuzz.ratio, score_cutoff=LEAST_SIMILARITY, limit=limit
            )
            matches += [
                Match(self.index.documents[self.index.row_of[page_id]], round(score, 1)) for page_id, score, _ in ids
            ]
        return matches


def _plain(title: str) -> str:
    """Return a title without case and punctuation."""
    return " ".join(word for word, _ in spellings(title))


def _begun(wanted: str, own: Sequence[InvertedIndex]) -> list[Match]:
    if not _BEGINNING.fullmatch(wanted):
        return []
    begun = wanted.lower()
    return [
        Match(document, 100.0) for index in own for document in index.documents if document.page_id.startswith(begun)
    ]
