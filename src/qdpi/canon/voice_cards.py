"""What can be counted of a voice on its pages: person, tense, the lengths of sentences, paragraphs and pages. Pure.

A book's author describes a voice as a critic would; a model that is to write in it needs to be told how it is made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

from qdpi.page_schema import Page
from qdpi.search.text import paragraphs, sentences, words

Person = Literal["first", "second", "third"]
Tense = Literal["past", "present"]

_QUOTED: Final = re.compile(r"“[^”]*”|\"[^\"\n]*\"|„[^“”]*[“”]|«[^»]*»")
_PERSONS: Final[Mapping[Person, frozenset[str]]] = {
    "first": frozenset({"i", "me", "my", "mine", "myself", "we", "us", "our", "i'm", "i'd", "i've", "i'll"}),
    "second": frozenset({"you", "your", "yours", "yourself"}),
    "third": frozenset({"he", "him", "his", "she", "her", "hers", "they", "them", "their"}),
}
_PAST: Final = frozenset(
    {"was", "were", "had", "did", "said", "went", "came", "saw", "knew", "thought", "felt", "took", "made"}
)
_PRESENT: Final = frozenset(
    {"is", "are", "am", "has", "does", "says", "goes", "comes", "sees", "knows", "thinks", "feels", "takes"}
)
_MUCH_TALK: Final = 0.25
_MANY_QUESTIONS: Final = 0.125
"""The share of the characters within quotation marks, and of the sentences that ask, from which it is a habit."""


@dataclass(frozen=True, slots=True)
class VoiceCard:
    """A voice in figures; 0 for a voice without a page, and None where nothing was found.

    Lengths are medians, in words: of all sentences, of the pages' mean paragraphs, of the pages. `talk` is the share of
    the characters within quotation marks, `questions` that of the sentences that ask.
    """

    pages: int = 0
    person: Person | None = None
    tense: Tense | None = None
    sentence_words: int = 0
    paragraph_words: int = 0
    page_words: int = 0
    talk: float = 0.0
    questions: float = 0.0

    @property
    def habits(self) -> tuple[str, ...]:
        """What the voice does often, in words."""
        talk = ("much of it talk",) if self.talk > _MUCH_TALK else ()
        return talk + (("often asking",) if self.questions > _MANY_QUESTIONS else ())

    def __str__(self) -> str:
        """Return the card as one line; "" for a voice without a page."""
        if not self.pages:
            return ""
        told = [f"{self.person} person" if self.person else "no person", f"{self.tense} tense" if self.tense else ""]
        lengths = [
            f"sentences of about {self.sentence_words} words",
            f"paragraphs of about {self.paragraph_words}",
            f"a page of about {self.page_words}",
        ]
        return "; ".join(filter(None, (", ".join(filter(None, told)), *lengths, *self.habits)))


def card_of(texts: Sequence[str]) -> VoiceCard:
    """Return the card of a voice from its pages."""
    if not texts:
        return VoiceCard()
    whole = "\n\n".join(texts)
    narrated = Counter(words(_QUOTED.sub(" ", whole)))
    spoken = [sentence for text in texts for sentence in sentences(text)]
    return VoiceCard(
        pages=len(texts),
        person=_person(narrated),
        tense=_tense(narrated),
        sentence_words=_middle([len(words(sentence)) for sentence in spoken]),
        paragraph_words=_middle([len(words(text)) / max(1, len(paragraphs(text))) for text in texts]),
        page_words=_middle([len(words(text)) for text in texts]),
        talk=sum(len(quoted) for quoted in _QUOTED.findall(whole)) / max(1, len(whole)),
        questions=sum(sentence.rstrip("\"'”’) ").endswith("?") for sentence in spoken) / max(1, len(spoken)),
    )


class VoiceCards:
    """The cards of the voices of a book, counted when the first of them is asked for."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages
        self._known: Mapping[int, VoiceCard] | None = None

    def __getitem__(self, character: int) -> VoiceCard:
        """Return the card of a character, 0 to 15."""
        return self.learn().get(character, VoiceCard())

    @property
    def is_learnt(self) -> bool:
        """Whether `learn` returns at once."""
        return self._known is not None

    def learn(self) -> Mapping[int, VoiceCard]:
        """Count all voices, once: a quarter of a second for 700 pages, which no event loop has."""
        if self._known is None:
            texts: dict[int, list[str]] = {}
            for page in self._pages.values():
                texts.setdefault(page.char_hex, []).append(page.text)
            self._known = {character: card_of(own) for character, own in texts.items()}
        return self._known


def _person(narrated: Counter[str]) -> Person | None:
    shares = {person: sum(narrated[word] for word in forms) for person, forms in _PERSONS.items()}
    person = max(shares, key=lambda each: shares[each])
    return person if shares[person] else None


def _tense(narrated: Counter[str]) -> Tense | None:
    past, present = (sum(narrated[word] for word in forms) for forms in (_PAST, _PRESENT))
    if past == present == 0:
        return None
    return "past" if past > present else "present"


def _middle(lengths: Sequence[float]) -> int:
    return round(median(lengths)) if lengths else 0
