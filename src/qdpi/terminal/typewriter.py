"""Types prose as it arrives, wrapped at words, on a terminal that scrolls."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_PARTS: Final = re.compile(r"\n|[^\S\n]+|\S+")


@dataclass(slots=True)
class Typewriter:
    """Writes pieces of text in lines of `width` columns. A word is written once it is complete."""

    write: Callable[[str], object]
    width: Callable[[], int]
    text: str = ""
    _column: int = 0
    _word: str = ""
    _gap: bool = False

    def type(self, piece: str) -> None:
        """Add a piece, which may end in the middle of a word."""
        self.text += piece
        for part in _PARTS.findall(piece):
            if part == "\n":
                self._put()
                self._break()
            elif part.isspace():
                self._put()
                self._gap = self._column > 0
            else:
                self._word += part

    def end(self) -> None:
        """Write the rest, and end the line."""
        self._put()
        if self._column:
            self._break()

    def _put(self) -> None:
        if not self._word:
            return
        word, self._word = self._word, ""
        if self._column and self._column + self._gap + len(word) > self.width():
            self._break()
        lead = " " if self._gap else ""
        self.write(lead + word)
        self._column += len(lead) + len(word)
        self._gap = False

    def _break(self) -> None:
        self.write("\n")
        self._column, self._gap = 0, False
