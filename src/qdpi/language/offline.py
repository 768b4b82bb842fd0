"""The offline writer: composes a page without a model. Pages and receipts name it.

It puts the nouns of its prompt's last turn into sentences of its own. Deterministic: the prompt's hash seeds every
choice. It copies no more than two words in a row.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from qdpi.language.dspy_loader import load_dspy
from qdpi.language.port import Capabilities, Guide
from qdpi.search.text import COMMON_WORDS, FUNCTION_WORDS
from qdpi.symbols import TRAJECTORY_SENTENCES, Trajectory

if TYPE_CHECKING:
    import dspy
    from dspy import lm15

_MOST_READ = 20_000
_FEWEST_WORDS, _MOST_WORDS = 84, 115
_FEWEST_NOUNS = 12
_DESCRIBED = 0.7
"""The share of bare nouns that get an adjective, so that the share of function words is that of prose."""

_PLAIN = "|".join(sorted(FUNCTION_WORDS | COMMON_WORDS))
_WORD = rf"(?!(?:{_PLAIN})\b)[a-z]{{3,14}}"
_NOUN = re.compile(
    r"\b(?:the|an?|his|her|its|their|my|our|your|this|of|every|another)\s"
    rf"(?P<phrase>(?:{_WORD} )?{_WORD})"
    rf"(?=[.,;:!?)]|\s(?:{_PLAIN})\b|\s[a-z]+ed\b|\s*\Z)"
)
_NO_NOUN = re.compile(r"(?:ly|ed|ing|est|less|ful|ous|able|self|selves)\Z")
_HEADING = re.compile(r"^[A-Z][\w ]{0,40}(?: \([^\n]*\))?:[ ]*$", re.MULTILINE)

_STOCK = """lamp|stair|margin|window|door|river|clock|threshold|corridor|ink|mirror|map|bell|drawer|candle|garden|
coat|letter|table|keyhole|chair|rope|lantern|wall|bridge|cup""".replace("\n", "").split("|")

_ADJECTIVES = ("old", "small", "dark", "white", "long", "black", "great", "little", "strange", "empty", "new", "red")

_BEGINNINGS = {
    Trajectory.CONTINUE: (
        "The {a} was still there in the morning, and the story went on from there",
        "It did not end with the {a}; there was more to say about the {b}",
        "What came after the {a} was a long time in the making, like most of the things in the book",
    ),
    Trajectory.LOOP: (
        "So the way came back around, past the {a}, to the place where it had begun",
        "The way back to the beginning was not as long as the {a} made it seem",
        "It was time to go back, and even the {a} seemed to know it",
    ),
    Trajectory.FORK: (
        "Here the road was in two parts, and one of them went on under the {a}",
        "There was another way to tell the story, and it began with the {a}",
        "In another part of the house, with a different name on the door, stood the {a}",
    ),
    Trajectory.DRIFT: (
        "After that there was no way to go, only the {a} and the sound of the rain",
        "No one was at the wheel now, and the {a} went where it would",
        "It could have been any time of the day when the {a} began to move out to sea",
    ),
}
_ENDINGS = {
    Trajectory.CONTINUE: (
        "There was more to come, and the {a} made room for it",
        "So the page was left open at the {a}, for the one who would come next",
    ),
    Trajectory.LOOP: (
        "Then the old page was there again, with the {a} in the same place as before",
        "That was the end of the circle, and the {a} was at the center of it",
    ),
    Trajectory.FORK: (
        "Which of the two was the true one, the {a} did not say",
        "From now on the {a} would belong to someone else as well",
    ),
    Trajectory.DRIFT: (
        "What the {a} had been for, no one could say any longer",
        "Someone would have to find it again on the other side of the {a}",
    ),
}
_OPENINGS = (
    "A long time after the {a}",
    "Somewhere in the middle of the {a}",
    "In the silence after the {a}",
    "Before the {a} could say a word",
    "Across the room from the {a}",
    "For as long as the {a} held",
    "With the {a} still in view",
    "At the same time as the {a}",
    "In the light of the {a}",
    "Not far away from the {a}",
    "Once the {a} had been put away",
    "Under the sound of the {a}",
    "On the night of the {a}",
    "Without a single word about the {a}",
    "On the other side of the {a}",
    "At the end of the {a}",
)
_CORES = (
    "the {b} had a small life of its own",
    "someone began to speak of the {b}",
    "everyone began to think about the {b}",
    "the shape of the {b} came out of the dark",
    "the {b} moved a little closer to the {c}",
    "there was less left of the {b} than before",
    "the {b} turned out to be the {c}",
    "the {b} did not want to stay with the {c}",
    "she took the {b} for the {c}",
    "he wrote down the name of the {b} next to the {c}",
    "we heard the {b} long before we saw it",
    "the {b} went from hand to hand",
    "the whole world around the {b} went quiet",
    "a young man kept asking about the {b}",
    "they asked the {b} for a reason and got the {c}",
    "the light from the {c} went right through the {b}",
    "the {b} came back by way of the {c}",
    "no one could see the {b} for the {c}",
    "the {b} made a slow turn and was gone",
    "someone had put the {c} inside the {b}",
    "all that was left of the {b} would fit in one hand",
    "the {b} began to look like the {c}",
)
_TAILS = (
    "as if on command",
    "and that was enough for one night",
    "while the {d} stood in the corner",
    "and no one ever spoke of it again",
    "though the {d} had said something else",
    "which is how the {d} came to be here",
    "and none of us thought to ask why",
    "like the door to the {d}",
    "until even the {d} was sure of it",
    "or so it looked from the {d}",
    "and took the {d} with it",
    "because there was still time",
    "just where the {d} should have been",
    "and yet it did not feel like the end",
    "all for the sake of the {d}",
    "with only the {d} to show for it",
)
_ASIDES = (
    "It was not the same as silence",
    "No one looked up from the book",
    "Someone had to write it down",
    "The {a} did not seem to mind",
    "Perhaps the {a} knew better",
    "One learns to wait for such things",
    "There was once a word for that",
    "Even so, the {a} went on",
    "We had been here before, or close to it",
    "So much for the {a}",
)


class OfflineWriter:
    """Writes a page of about 90 to 160 words from the nouns of its prompt's last turn; cannot plan."""

    def __init__(self) -> None:
        self.name = "offline"
        self.file = None
        self.capabilities = Capabilities(plans=False, thinks=False, draws=False)

    @cached_property
    def lm(self) -> dspy.LM:
        """The writer as a DSPy LM."""
        load_dspy()
        from qdpi.language.engines import PieceEngine, bind

        return bind(self.name, PieceEngine(self._pieces))

    async def _pieces(self, request: lm15.Request) -> AsyncIterator[str]:
        from qdpi.language.engines import last_turn_of, prompt_of

        for sentence in compose(prompt_of(request), last_turn_of(request)):
            yield sentence

    def led_by(self, guide: Guide) -> dspy.LM:
        """The same LM: it is led by its prompt."""
        return self.lm

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Always free."""
        yield

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def health(self) -> str | None:
        """Always well."""
        return None

    async def check(self) -> str | None:
        """Always well."""
        return None


def compose(prompt: str, given: str) -> Iterator[str]:
    """Yield a page of about 90 to 160 words, a sentence at a time; joined, the pieces are the page.

    The nouns are taken from `given`; the whole `prompt` seeds the choices.
    """
    chance = random.Random(hashlib.sha256(prompt.encode("utf-8", "replace")).digest())  # noqa: S311
    told = [trajectory for trajectory, sentence in TRAJECTORY_SENTENCES.items() if sentence in prompt]
    for position, sentence in enumerate(_sentences(chance, given, told[0] if told else Trajectory.CONTINUE)):
        yield _break(chance, position) + sentence


def _break(chance: random.Random, position: int) -> str:
    if position == 0:
        return ""
    return "\n\n" if position % 4 == 0 or chance.random() < 0.1 else " "


def _sentences(chance: random.Random, given: str, trajectory: Trajectory) -> Iterator[str]:
    nouns = _nouns(given, chance)
    enough = chance.randint(_FEWEST_WORDS, _MOST_WORDS)
    sentence = _filled(chance.choice(_BEGINNINGS[trajectory]), nouns)
    words = len(sentence.split())
    yield sentence
    for frame in _frames(chance, given):
        if words >= enough:
            break
        sentence = _filled(frame, nouns)
        words += len(sentence.split())
        yield sentence
    yield _filled(chance.choice(_ENDINGS[trajectory]), nouns)


def _frames(chance: random.Random, given: str) -> Iterator[str]:
    """Yield frames of sentences; no part is repeated, and parts that occur in the given text come last."""
    parts = [list(part) for part in (_OPENINGS, _CORES, _TAILS, _ASIDES)]
    spoken = given.lower()
    for part in parts:
        chance.shuffle(part)
        part.sort(key=lambda piece: not _is_in(piece, spoken))
    openings, cores, tails, asides = parts
    while openings and cores and tails and asides:
        shape = chance.choice(("opening", "tail", "both", "tail", "both", "aside"))
        if shape == "aside":
            yield asides.pop()
        elif shape == "opening":
            yield f"{openings.pop()}, {cores.pop()}"
        elif shape == "tail":
            yield f"{cores.pop()}, {tails.pop()}"
        else:
            yield f"{openings.pop()}, {cores.pop()}, {tails.pop()}"


def _is_in(frame: str, spoken: str) -> bool:
    return all(words.strip().lower() in spoken for words in re.split(r"\{[a-d]\}", frame))


def _filled(frame: str, nouns: Iterator[str]) -> str:
    sentence = re.sub(r"\{[a-d]\}", lambda _: next(nouns), frame)
    return sentence[0].upper() + sentence[1:] + "."


def _nouns(given: str, chance: random.Random) -> Iterator[str]:
    """Yield the nouns of the given text in random order, endlessly; completed with stock nouns where they are few."""
    text = _HEADING.sub("", given[-_MOST_READ:])
    phrases = (match["phrase"] for match in _NOUN.finditer(text))
    found = list(dict.fromkeys(phrase for phrase in phrases if not _NO_NOUN.search(phrase)))
    chance.shuffle(found)
    stock = chance.sample(_STOCK, len(_STOCK))
    chosen = (found + stock)[: max(len(found), _FEWEST_NOUNS)]
    while True:
        for noun in chosen:
            bare = " " not in noun and chance.random() < _DESCRIBED
            yield f"{chance.choice(_ADJECTIVES)} {noun}" if bare else noun
        chance.shuffle(chosen)
