"""How search cuts a text into words: where each stands, and what it is without case, accents and endings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from qdpi.search.text import stem

_TOKEN: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class Token(NamedTuple):
    """A word of a text: where it stands, as it is spelt without case and accents, and its stem."""

    start: int
    end: int
    word: str
    stem: str


def tokens(text: str) -> Iterator[Token]:
    """Yield the words of a text in order, in time linear in its length."""
    for found in _TOKEN.finditer(text):
        word, its_stem = folded(found[0])
        yield Token(found.start(), found.end(), word, its_stem)


def spellings(text: str) -> list[tuple[str, str]]:
    """Return the words of a text in order, each as it is spelt and its stem: `tokens` without their places."""
    return [folded(word) for word in _TOKEN.findall(text)]


@lru_cache(maxsize=100_000)
def folded(word: str) -> tuple[str, str]:
    """Return a word without case and accents, with straight apostrophes; and its stem."""
    plain = unicodedata.normalize("NFKD", word.casefold().replace("’", "'"))
    bare = "".join(character for character in plain if not unicodedata.combining(character))
    return bare, stem(bare)
