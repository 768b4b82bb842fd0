"""How a page is made: its paragraphs and sentences, and whether it ends. What is counted here is no reading."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from qdpi.search.text import paragraphs, sentences, words

_CLOSING: Final = "\"'”’»«“)]*_"
_ENDS: Final = frozenset(".!?…—–。！？।؟۔")
_PAIRS: Final = (("„", "“”"), ("«", "»"), ("»", "«"), ("「", "」"), ("『", "』"), ("“", "”"))
_QUOTES: Final = re.compile('[“”„«»"「」『』]')


def mean_paragraph(text: str) -> float | None:
    """Return the mean number of words of a text's paragraphs; a line is one. None for a text without words."""
    lengths = [count for lines in paragraphs(text) for line in lines if (count := len(words(line)))]
    return sum(lengths) / len(lengths) if lengths else None


def mean_sentence(text: str) -> float | None:
    """Return the mean number of words of a text's sentences; None for a text without words."""
    lengths = [count for sentence in sentences(text) if (count := len(words(sentence)))]
    return sum(lengths) / len(lengths) if lengths else None


def ends_its_last_sentence(text: str) -> bool:
    """Return whether a text's last sentence ends."""
    whole = text.rstrip()
    return whole[-1:] in _ENDS or whole.rstrip(_CLOSING)[-1:] in _ENDS


def closes_its_quotes(text: str) -> bool | None:
    """Return whether a text closes the quotations that it opens; None for a text without quotation marks.

    A quotation of several paragraphs may open again with each and close with the last; one of verse may run over lines.
    """
    if not _QUOTES.search(text):
        return None
    parts = [[line.strip() for line in lines if line.strip()] for lines in paragraphs(text)]
    lines = [line for part in parts for line in part]
    return all(_is_closed(line, after) for line, after in pairwise([*lines, ""])) or all(
        _is_closed(" ".join(part), "".join(after[:1])) for part, after in pairwise([*parts, []])
    )


def _is_closed(line: str, after: str) -> bool:
    if line.count('"') % 2:
        return after.startswith('"')
    for opens, closes in _PAIRS:
        if opens in line:
            left = line.count(opens) - sum(line.count(mark) for mark in closes)
            return left == 0 or (left == 1 and after.startswith(opens))
    closed_alone = line.count("”") % 2, line.count("“") % 2  # Swedish and Finnish open and close by the same mark
    return closed_alone == (0, 0)
