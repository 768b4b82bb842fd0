"""Snippets: the passage of a text with most of a query's words, and the matches marked."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

from qdpi.search.query import Query
from qdpi.search.text import Token, folded, tokens

WIDTH: Final = 240
"""Characters of a snippet, more or less."""
_FIRST: Final = 2 * WIDTH
"""The characters of a text that are read where the query matches every page."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A passage, and the matches in it as [start, end) in code points. An ellipsis marks omitted text."""

    text: str
    marks: tuple[tuple[int, int], ...]

    @property
    def html(self) -> str:
        """The passage as HTML: escaped, with the matches in `<mark>`."""
        pieces, at = list[str](), 0
        for start, end in self.marks:
            pieces += [escape(self.text[at:start]), "<mark>", escape(self.text[start:end]), "</mark>"]
            at = end
        return "".join(pieces) + escape(self.text[at:])


def snippet(text: str, query: Query) -> Snippet:
    """Return the passage of about 240 characters, in whole words, that holds most of the query's words."""
    words = list(tokens(text[:_FIRST] if query.everything else text))
    hits = _hits(words, query)
    first, last = _window(words, hits)
    start = words[first].start if first else 0
    end = words[last].end if last + 1 < len(words) else len(text)
    before, after = "…" if start else "", "…" if end < len(text) else ""
    shift = len(before) - start
    marks = tuple((a + shift, b + shift) for a, b in _merged(words, [h for h in hits if first <= h <= last]))
    return Snippet(f"{before}{text[start:end]}{after}", marks)


def _hits(words: list[Token], query: Query) -> list[int]:
    """Return which words match: those inside a phrase of the query, and those with one of its other stems."""
    if not query.phrases:
        return [at for at, word in enumerate(words) if word.stem in query.stems]
    phrases = [phrase.split() for phrase in query.phrases]
    spelt = [word.word for word in words]
    inside = {
        at + step
        for phrase in phrases
        for at in range(len(spelt) - len(phrase) + 1)
        if spelt[at : at + len(phrase)] == phrase
        for step in range(len(phrase))
    }
    quoted = {folded(word)[1] for phrase in phrases for word in phrase}
    loose = query.stems - quoted
    return sorted(inside | {at for at, word in enumerate(words) if word.stem in loose})


def _window(words: list[Token], hits: list[int]) -> tuple[int, int]:
    """Return the first and last word of the earliest passage with the most different matches."""
    if not words:
        return 0, -1
    best, most, end = 0, 0, 0
    for start, hit in enumerate(hits):
        end = max(end, start)
        while end < len(hits) and words[hits[end]].end - words[hit].start <= WIDTH:
            end += 1
        different = len({words[each].stem for each in hits[start:end]})
        if different > most:
            best, most = hit, different
    room = WIDTH // 4 if hits else 0
    first = best
    while first and words[best].start - words[first - 1].start <= room:
        first -= 1
    last = first
    while last + 1 < len(words) and words[last + 1].end - words[first].start <= WIDTH:
        last += 1
    return first, last


def _merged(words: list[Token], hits: list[int]) -> list[tuple[int, int]]:
    """Return the matches as ranges, adjacent words joined."""
    ranges = list[tuple[int, int]]()
    before = -2
    for hit in hits:
        if hit == before + 1:
            ranges[-1] = (ranges[-1][0], words[hit].end)
        else:
            ranges.append((words[hit].start, words[hit].end))
        before = hit
    return ranges
