"""A voice measured on a section's own pages, for a character whom nobody described.

Every figure is a plain count, so the same pages always give the same words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE_END: Final = re.compile(r"[.!?…]+[\"'”’)\]]*(?:\s+|$)")
_QUOTED: Final = re.compile(r"“[^”]*”|\"[^\"]*\"")
_FIRST: Final = frozenset({"i", "me", "my", "mine", "myself", "we", "us", "our"})
_SECOND: Final = frozenset({"you", "your", "yours", "yourself"})
_THIRD: Final = frozenset({"he", "him", "his", "she", "her", "hers", "they", "them", "their"})
_PAST: Final = frozenset(
    {"was", "were", "had", "did", "said", "went", "came", "saw", "knew", "thought", "felt", "took", "made"}
)
_PRESENT: Final = frozenset(
    {"is", "are", "am", "has", "does", "says", "goes", "comes", "sees", "knows", "thinks", "feels", "takes"}
)
_FEWEST: Final = 2
"""Occurrences below which a word is no habit."""


def words_of(text: str) -> list[str]:
    """Return a text's words in lower case, with straight apostrophes."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def sections_with(counts: Mapping[int, Counter[str]]) -> Counter[str]:
    """Return, for each word, in how many sections it occurs."""
    return Counter(word for section in counts.values() for word in section)


def describe(texts: Sequence[str], counts: Counter[str], spread: Counter[str], sections: int) -> str:
    """Describe a section's voice from its pages: person, tense, sentences, talk, questions, own words.

    `counts` are the section's words, `spread` gives each word's number of sections out of `sections`.
    """
    number = "one page" if len(texts) == 1 else f"{len(texts)} pages"
    told = "\n\n".join(_QUOTED.sub(" ", text) for text in texts)
    narrated = Counter(words_of(told))
    habits = ", ".join(distinctive(counts, spread, sections))
    described = (
        f"Measured on the section's {number}: {_person(narrated)}, in the {_tense(narrated)} tense, "
        f"in sentences of about {_sentence_length(texts)} words{_manner(texts)}."
    )
    return f"{described} Words this voice returns to: {habits}." if habits else described


def distinctive(counts: Counter[str], spread: Counter[str], sections: int, *, most: int = 8) -> tuple[str, ...]:
    """Return the words that a section uses often and other sections seldom, best first (tf-idf)."""
    scored = [
        (-count * math.log((1 + sections) / spread[word]), word)
        for word, count in counts.items()
        if count >= _FEWEST and len(word) >= 4 and "'" not in word
    ]
    return tuple(word for _, word in sorted(scored)[:most])


def _person(narrated: Counter[str]) -> str:
    persons = (("first", _FIRST), ("second", _SECOND), ("third", _THIRD))
    shares = [(sum(narrated[word] for word in words), name) for name, words in persons]
    most, name = max(shares)
    return f"told in the {name} person" if most else "told without persons"


def _tense(narrated: Counter[str]) -> str:
    past = sum(narrated[word] for word in _PAST)
    present = sum(narrated[word] for word in _PRESENT)
    return "past" if past > present else "present"


def _sentence_length(texts: Sequence[str]) -> int:
    sentences = [n for text in texts for part in _SENTENCE_END.split(text) if (n := len(_WORD.findall(part)))]
    return round(sum(sentences) / len(sentences)) if sentences else 0


def _manner(texts: Sequence[str]) -> str:
    """Say whether much of the section is talk and whether it asks much."""
    whole = "".join(texts)
    quoted = sum(len(match) for match in _QUOTED.findall(whole))
    ends = _SENTENCE_END.findall(whole)
    talk = ", much of it talk" if quoted > len(whole) / 4 else ""
    asks = ", often asking" if sum("?" in end for end in ends) > len(ends) / 8 else ""
    return talk + asks
