"""Names on a page: capitalised words that are no mere beginnings of sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from qdpi.search.text import COMMON_WORDS, FUNCTION_WORDS, cased_words, stem

MAX_ENTITIES = 12
LONGEST_NAME = 5
"""Words in a name; a longer run of capitals is a title or a shout, cut here."""
MOSTLY_CAPITALS = 0.6
"""A sentence with more capitalised words than this share is a heading and names nothing."""

_NAME_WORD = r"[^\W\d_a-z][\w]*(?:['’][^\W\d_]{2,})*"
_JOINT = r"(?:[ -]|\. )(?:(?:of|de|von|van) (?:the )?)?"
_NAME = re.compile(rf"{_NAME_WORD}(?:{_JOINT}{_NAME_WORD}){{0,{LONGEST_NAME - 1}}}")
_CONTRACTION = re.compile(r"['’](?:s|m|d|ll|re|ve|t)$", re.IGNORECASE)


def find_entities(parts: Sequence[str]) -> tuple[str, ...]:
    """The names in the sentences of a page, at most 12, the most frequent first, then as they appear.

    A single word that only ever opens a sentence is no name; one that opens a sentence and stands
    capitalised inside another one is.
    """
    inside: Counter[str] = Counter()
    opening: Counter[str] = Counter()
    for part in parts:
        if _is_heading(part):
            continue
        for name, opens in _names(part):
            (opening if opens and " " not in name else inside)[name] += 1
    counts = {name: count + opening[name] for name, count in inside.items()}
    order = sorted(counts, key=lambda name: -counts[name])
    return tuple(order[:MAX_ENTITIES])


def entity_words(entities: Iterable[str]) -> frozenset[str]:
    """The stems of the words that names are made of."""
    return frozenset(stem(word.lower().replace("’", "'")) for name in entities for word in cased_words(name))


def _is_heading(part: str) -> bool:
    tokens = cased_words(part)
    return len(tokens) > 3 and sum(word[0].isupper() for word in tokens) > MOSTLY_CAPITALS * len(tokens)


def _names(part: str) -> Iterator[tuple[str, bool]]:
    first = next(iter(re.finditer(r"\w", part)), None)
    for match in _NAME.finditer(part):
        if not match.group()[0].isupper():
            continue
        opens = first is not None and match.start() == first.start()
        tokens = match.group().split(" ")
        while tokens and _is_common(tokens[0]):
            tokens, opens = tokens[1:], False
        while tokens and (_is_common(tokens[-1]) or not tokens[-1][0].isupper()):
            tokens = tokens[:-1]
        name = _CONTRACTION.sub("", " ".join(tokens))
        if len(name) > 1 and name[0].isupper():
            yield name, opens


def _is_common(token: str) -> bool:
    parts = token.lower().replace("’", "'").rstrip(".").split("-")
    return all(part in FUNCTION_WORDS or part in COMMON_WORDS or len(_CONTRACTION.sub("", part)) < 2 for part in parts)
