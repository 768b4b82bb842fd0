"""Words, terms and sentences of a text, as readings, checks and the index share them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|(?<!\n)\n\s*\n")
_CLOSING = '.!?…"”’)'
_RUN = re.compile(r"\S+")
_BLANK_LINE = re.compile(r"\n\s*\n")
_BLANK_LINES = re.compile(r"\n[ \t]*(?=\n)")
_ABBREVIATION = re.compile(r"(?:^|\W)(?:(?i:mr|mrs|ms|dr|st|prof|jr|sr|vs|etc|e\.g|i\.e)|[A-HJ-Z])\.$")


def _word_list(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


FUNCTION_WORDS = _word_list(
    """
    a about above across after against all along although am among an and any anyone anything are around as
    at be because been before behind being below beneath beside between beyond both but by can can't cannot
    could couldn't did didn't do does doesn't doing don't down during each either every everyone everything
    for from had hadn't has hasn't have haven't having he he'd he's her hers herself him himself his how i
    i'd i'll i'm i've if in inside into is isn't it it's its itself me might mine must my myself near
    neither no nobody none nor not nothing of off on onto or our ours ourselves out outside over shall she
    she'd she's should shouldn't since so some someone something than that that's the their theirs them
    themselves then there there's these they they'd they're they've this those though through to toward
    towards under until up upon us was wasn't we we'd we'll we're we've were weren't what when where whether
    which while who whom whose why will with within without won't would wouldn't you you'd you'll you're
    you've your yours yourself
    """
)
"""English words with a grammatical role and little meaning: what `function words` means in a check."""

COMMON_WORDS = _word_list(
    """
    again ago ah almost already also always another anybody away back become became come came could else
    enough even ever everybody few get gets getting go goes going got hello hey here how however indeed
    instead just keep kept know last least less let let's like made make makes many may maybe more most much
    never next now often oh ok okay once one only other others own perhaps put quite rather really same said
    saw say says see seem seemed seems still such take taken takes tell thing things think till together
    told too took two very want wanted well went whatever who's without yeah yes yet
    """
)
"""Words, beside the function words, that are too common to distinguish one page from another."""


STOP_WORDS = _word_list(
    """
    a an and are as at be but by for if in into is it no not of on or such that the their then there these
    they this to was will with
    """
)
"""Words that retrieval does not look for: Lucene's English stop words."""


def words(text: str) -> list[str]:
    """Return the words of a text in order, lower-case, NFC, with straight apostrophes and without punctuation."""
    normal = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    return _WORD.findall(normal)


def cased_words(text: str) -> list[str]:
    """Return the words of a text in order, in their own case."""
    return _WORD.findall(text)


def stem(word: str) -> str:
    """Return a lower-case word without its possessive and plural ending.

    Source: the S stemmer of D. Harman, "How effective is suffixing?", JASIS 42 (1991).
    """
    bare = word.removesuffix("'s")
    if len(bare) <= 3:
        return bare
    if bare.endswith("ies") and not bare.endswith(("aies", "eies")):
        return bare[:-3] + "y"
    if bare.endswith("es") and not bare.endswith(("aes", "ees", "oes")):
        return bare[:-1]
    return bare[:-1] if bare.endswith("s") and not bare.endswith(("us", "ss")) else bare


def is_content(word: str) -> bool:
    """Return whether a lower-case word is about the subject of a text."""
    return len(word) > 2 and word not in FUNCTION_WORDS and word not in COMMON_WORDS and not word.isdecimal()


def terms_of(lower: Iterable[str]) -> list[str]:
    """Return the stems of the content words among lower-case words."""
    return [stem(word) for word in lower if is_content(word)]


def sentences(text: str) -> list[str]:
    """Return the sentences of a text in order, white space collapsed. A blank line ends a sentence."""
    pieces: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if _goes_on(text, match.start(), match.end()):
            continue
        pieces.append(text[start : match.end()])
        start = match.end()
    pieces.append(text[start:])
    return [" ".join(piece.split()) for piece in pieces if _WORD.search(piece)]


def whole_sentences(text: str) -> str:
    """Return a text that was cut off, without its last incomplete sentence, where at least half of it is left."""
    stripped = text.strip()
    end = max((stripped.rfind(mark) for mark in ".!?…"), default=-1) + 1
    while end < len(stripped) and stripped[end] in _CLOSING:
        end += 1
    return stripped[:end] if end * 2 > len(stripped) else stripped


def paragraphs(text: str) -> list[list[str]]:
    """Return the paragraphs of a text, each as its lines. Blank lines part paragraphs; what is empty is left out."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return [part.strip("\n").split("\n") for part in _BLANK_LINES.split(lines) if part.strip()]


def opening(text: str, count: int) -> str:
    """Return a text's first `count` words with its paragraphs, cut at a sentence's end in their second half."""
    words = list(_RUN.finditer(text))
    if len(words) <= count:
        return kept_paragraphs(text)
    cut = text[: words[count - 1].end()]
    end = max(cut.rfind(mark) for mark in ".!?")
    return kept_paragraphs(cut[: end + 1] if end > len(cut) // 2 else cut)


def ending(text: str, count: int) -> str:
    """Return a text's last `count` words with its paragraphs, from a sentence's beginning in their first half."""
    words = list(_RUN.finditer(text))
    if len(words) <= count:
        return kept_paragraphs(text)
    cut = text[words[-count].start() :]
    begins = [found.end() for found in re.finditer(r"[.!?][\"'”’)]*\s+", cut)]
    start = next((at for at in begins if at < len(cut) // 2), 0)
    return kept_paragraphs(cut[start:])


def kept_paragraphs(text: str) -> str:
    """Return a text with one blank line between its paragraphs, and other white space as it is, without its ends."""
    return "\n\n".join(part.strip() for part in _BLANK_LINE.split(text) if part.strip())


def first_words(text: str, count: int) -> str:
    """Return the beginning of a text as one line; see `opening`."""
    return " ".join(opening(text, count).split())


def last_words(text: str, count: int) -> str:
    """Return the end of a text as one line; see `ending`."""
    return " ".join(ending(text, count).split())


def _goes_on(text: str, start: int, end: int) -> bool:
    """Return whether the sentence continues after a stop, as after "Dr." and in "Why?" he asked."""
    stop = text[start:end]
    if stop == ".":
        return _ABBREVIATION.search(text[max(0, end - 8) : end]) is not None
    return not stop.isspace() and text[end + 1 : end + 2].islower()


class Token(NamedTuple):
    """A word of a text: its position [start, end), its spelling without case and accents, and its stem."""

    start: int
    end: int
    word: str
    stem: str


def tokens(text: str) -> Iterator[Token]:
    """Yield the words of a text in order, in time linear in its length."""
    for found in _WORD.finditer(text):
        word, its_stem = folded(found[0])
        yield Token(found.start(), found.end(), word, its_stem)


def spellings(text: str) -> list[tuple[str, str]]:
    """Return the words of a text in order, each with its stem: `tokens` without the positions."""
    return [folded(word) for word in _WORD.findall(text)]


@lru_cache(maxsize=100_000)
def folded(word: str) -> tuple[str, str]:
    """Return a word without case and accents, with straight apostrophes; and its stem."""
    plain = unicodedata.normalize("NFKD", word.casefold().replace("’", "'"))
    bare = "".join(character for character in plain if not unicodedata.combining(character))
    return bare, stem(bare)
