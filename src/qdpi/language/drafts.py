"""How a page is written paragraph by paragraph: what is asked for next, and when the page is whole. Pure.

Grammars are those of llama.cpp (https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md). They say only
how long a paragraph is at least and whether the page may end with it: a small model knows neither by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

from qdpi.language.port import Guide
from qdpi.measures.shape import ends_its_last_sentence
from qdpi.search.text import whole_sentences, words

SHORTEST_PAGE: Final = 70
"""A page ends after so many words at the earliest."""
_TOKENS_PER_WORD: Final = 1.45
_FEWEST_TOKENS, _MOST_TOKENS = 48, 150
"""The bounds of a paragraph's tokens: one that is longer is written in several pieces, of whole sentences."""
_OPENING_TOKENS: Final = 40
_OPENING_WORDS: Final = 5
_SHORTEST_SHARE: Final = 0.6
_LONGEST_SHARE: Final = 1.5
"""A paragraph has at least and at most such a share of the voice's usual words, where a sentence ends there."""
_WHOLE_SHARE: Final = 0.85
"""A page ends with the paragraph that brings it to this share of the voice's usual words."""
_OVERLONG_SHARE: Final = 1.25
_SIGNS: Final = r"*#<>{}|=\\"
"""No prose has them; a small model sets type and makes lists with them."""
_FIRST_WORD: Final = rf"[^0-9 \n{_SIGNS}] [^ \n{_SIGNS}]*"
"""Not the number of a list: a small model begins one after each paragraph."""
_WORD: Final = rf"[^ \n{_SIGNS}]+"


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked for next: text that fits a grammar, of at most so many tokens."""

    grammar: str
    max_tokens: int


@dataclass(frozen=True, slots=True)
class PageSoFar:
    """A page so far: its text, without white space at its end; whether its last paragraph and it itself are whole."""

    text: str = ""
    is_at_paragraph: bool = True
    is_ended: bool = False

    def plus(self, draft: str, *, cut: bool, is_opening: bool = False) -> PageSoFar:
        """Return the page with a draft of what follows; one that was `cut` at its limit loses its half sentence."""
        if cut:
            return PageSoFar(self.text + _kept(draft), is_at_paragraph=False)
        ends_paragraph = draft.endswith("\n\n")
        return PageSoFar(
            self.text + draft.rstrip(), is_at_paragraph=ends_paragraph, is_ended=not (ends_paragraph or is_opening)
        )

    def is_whole(self, guide: Guide) -> bool:
        """Whether the page is long enough to end where it stands, at the end of a sentence, or has ended by itself."""
        share = len(words(self.text)) / guide.page_words
        return self.is_ended or share >= (_WHOLE_SHARE if ends_its_last_sentence(self.text) else _OVERLONG_SHARE)


def _kept(draft: str) -> str:
    """Return a draft that was cut without its half sentence or, where that is most of it, without its half word."""
    lead = draft[: len(draft) - len(draft.lstrip())]
    kept = whole_sentences(draft)
    return lead + (kept if ends_its_last_sentence(kept) else kept.rpartition(" ")[0] or kept)


def opening_step() -> Step:
    """Return the step of a page's first sentence: short, so that several can be tried before a reader waits."""
    words_of_it = rf'{_FIRST_WORD} (" " [^ \n.?!{_SIGNS}]+){{{_OPENING_WORDS - 1},}}'
    return Step(rf'root ::= {words_of_it} [.?!] [”"’]? "\n\n"?', _OPENING_TOKENS)


def paragraph_step(page: PageSoFar, guide: Guide) -> Step:
    """Return the step to the end of a paragraph: of the one that has begun, or of a new one."""
    so_far, least = len(words(page.text)), _missing(page, guide)
    may_end = so_far + least >= max(SHORTEST_PAGE, guide.page_words * _SHORTEST_SHARE)
    end = r'"\n\n"?' if may_end else r'"\n\n"'
    return Step(rf"root ::= {_lead(page)}{_paragraph(page, least)} {end}", _tokens(guide.paragraph_words))


def rest_step(page: PageSoFar, guide: Guide) -> Step:
    """Return the step to the page's end, in as many paragraphs as it takes."""
    so_far, shortest, least = len(words(page.text)), _shortest(guide), _missing(page, guide)
    more = max(0, ceil((SHORTEST_PAGE - so_far - least) / shortest))
    further = rf'("\n\n" {_paragraph(PageSoFar(), shortest)})'
    left = max(_FEWEST_TOKENS, (guide.page_words * _OVERLONG_SHARE - so_far) * _TOKENS_PER_WORD)
    return Step(rf"root ::= {_lead(page)}{_paragraph(page, least)} {further}{{{more},}}", round(left))


def _shortest(guide: Guide) -> int:
    return max(4, min(60, round(guide.paragraph_words * _SHORTEST_SHARE)))


def _tokens(words_of_it: int) -> int:
    return round(max(_FEWEST_TOKENS, min(_MOST_TOKENS, words_of_it * _LONGEST_SHARE * _TOKENS_PER_WORD)))


def _missing(page: PageSoFar, guide: Guide) -> int:
    """Return how many words the paragraph that is next written needs at least: less if it has begun."""
    begun = 0 if page.is_at_paragraph else len(words(page.text.rpartition("\n\n")[2]))
    return max(0, _shortest(guide) - begun)


def _lead(page: PageSoFar) -> str:
    """Return the white space before what follows. It is the model's to write: its tokens begin with it."""
    if not page.text:
        return ""
    return r'"\n\n" ' if page.is_at_paragraph else '" " '


def _paragraph(page: PageSoFar, least: int) -> str:
    first = _FIRST_WORD if page.is_at_paragraph else _WORD
    return rf'{first} (" " {_WORD}){{{max(0, least - 1)},}}'
