"""Texts as they arrive: the pieces of a run put together, and a passage cut at its marks.

Every offset, length and mark counts Unicode code points: not bytes, and not UTF-16 units, of which an emoji has two.
`qdpi/text_vectors.json` holds test vectors for a second implementation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(slots=True)
class RunText:
    """The text of a run so far, from the first code point on that has arrived without a gap.

    `attempt` is the newest; `end` is how far the furthest of its pieces reaches, which is more than the text where a
    piece was lost. The page that the run ends in has the whole text.
    """

    attempt: int = 0
    text: str = ""
    end: int = 0

    @property
    def whole(self) -> bool:
        """Whether no piece is missing."""
        return len(self.text) == self.end

    def take(self, attempt: int, offset: int, piece: str) -> bool:
        """Add a piece that begins at an offset; return whether it restarts the text, as a new attempt does.

        A piece of an earlier attempt is ignored, and so is what repeats text that is there. A piece after a gap is not
        added; a later one that covers the gap adds what was missing.
        """
        if attempt < self.attempt:
            return False
        restarted = attempt > self.attempt
        if restarted:
            self.attempt, self.text, self.end = attempt, "", 0
        self.end = max(self.end, offset + len(piece))
        if offset <= len(self.text):
            self.text += piece[len(self.text) - offset :]
        return restarted


class MarkedPiece(NamedTuple):
    """A piece of a passage, and whether it is a hit."""

    text: str
    marked: bool


def marked_pieces(passage: str, marks: Iterable[tuple[int, int]]) -> Iterator[MarkedPiece]:
    """Yield a passage in pieces, cut at its marks [start, end), without empty ones."""
    done = 0
    for start, end in (*marks, (len(passage), len(passage))):
        for piece, marked in ((passage[done:start], False), (passage[start:end], True)):
            if piece:
                yield MarkedPiece(piece, marked)
        done = end
