"""The schedule of an evaluation: which symbol is pressed at which locus, with which words. Pure, decided by a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from qdpi.canon.book import CanonPage
from qdpi.evaluation.edition import edition_pages
from qdpi.evaluation.split import Split
from qdpi.symbols import PROFILES, encode_symbol

VOICES: Final = 16
ASKS: Final = (
    "Where does the river go after the last house?",
    "Who left the lantern burning on the stairs?",
    "Tell me about the orchard behind the wall.",
    "What is hidden under the floorboards?",
    "Why did the piano fall silent?",
    "Let somebody find an umbrella.",
    "Is there a map of the harbour?",
    "What did the letter from the sister say?",
    "I want to hear about the fire in the kitchen.",
    "How much does the silence cost?",
    "Whose shoes are these by the door?",
    "Show me the snow from the train window.",
    "Who taught the parrot to lie?",
    "What happened at the wedding?",
    "Where did the soldier bury the coins?",
    "Take me to the cellar, please.",
    "Does the clock tower still strike at noon?",
    "What does the photograph not show?",
    "Someone should apologise for the garden.",
    "Why is the bread always burnt?",
    "Tell me what the dog saw in the fog.",
    "Who owes money to the barber?",
    "What colour was the boat before the storm?",
    "I am looking for my brother's violin.",
)
"""What readers ask: each has words of its own, which few pages hold by chance."""


class Loci(StrEnum):
    """Where a voice is pressed: at pages of every section, or only at those of its own."""

    ANY = "any"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class ScheduledPress:
    """One press: its number from 0, its symbol, the page that it is made on as the edition names it, its words."""

    number: int
    symbol_code: int
    locus: str
    words: str = ""


def schedule_presses(
    split: Split,
    count: int,
    seed: int,
    loci: Loci,
    asks: Sequence[str] = ASKS,
    pages: Sequence[CanonPage] | None = None,
) -> list[ScheduledPress]:
    """Return `count` presses, in rounds of sixteen.

    In a round every voice occurs once, every behaviour once and, with `Loci.ANY`, every section once. Half of the
    presses have words. A longer schedule of the same seed begins with the shorter one. `pages` are those pressed on,
    where they are not the split's loci; with `Loci.ANY` sections without one are passed over.
    """
    chance = random.Random(seed)  # noqa: S311 (a schedule, not a secret)
    by_section = _shuffled_sections(split, split.loci if pages is None else pages, chance)
    pressed = [section for section in by_section if section]
    behaviors, worded = _permutation(chance), _permutation(chance)
    presses = list[ScheduledPress]()
    for turn in range((count + VOICES - 1) // VOICES):
        voices, sections, said = _permutation(chance), _permutation(chance), chance.sample(range(VOICES), VOICES)
        for voice in voices:
            section = pressed[sections[voice] % len(pressed)] if loci is Loci.ANY else by_section[voice]
            number, asked = len(presses), (worded[voice] + turn) % 2 == 0
            presses.append(
                ScheduledPress(
                    number,
                    encode_symbol(voice, PROFILES[behaviors[(voice + turn) % VOICES]].behavior),
                    section[turn % len(section)],
                    asks[(turn * VOICES + said[voice]) % len(asks)] if asked and asks else "",
                )
            )
    return presses[:count]


def _shuffled_sections(split: Split, pages: Sequence[CanonPage], chance: random.Random) -> list[list[str]]:
    held = {page.page_id for page in pages}
    sections: list[list[str]] = [[] for _ in range(VOICES)]
    for page_id, page in edition_pages(split).items():
        if page.page_id in held:
            sections[page.character].append(page_id)
    for section in sections:
        chance.shuffle(section)
    return sections


def _permutation(chance: random.Random) -> list[int]:
    return chance.sample(range(VOICES), VOICES)
