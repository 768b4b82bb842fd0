"""A synthetic book of any size, for benchmarks without the author's canon."""

from __future__ import annotations

import json
import random
from pathlib import Path

from qdpi.symbols import CHARACTER_MAP

_NOUNS = (
    "lamp", "river", "ticket", "bell", "door", "letter", "engine", "garden", "window", "harbour", "coat",
    "mirror", "clock", "stair", "orchard", "key",
)  # fmt: skip
_VERBS = ("keeps", "finds", "loses", "follows", "answers", "hides", "carries", "opens", "counts", "forgets")
_MANNERS = ("slowly", "at night", "without a word", "twice", "before the rain", "as always", "in the cold")


def write_book(folder: Path, pages: int = 710, seed: int = 1) -> Path:
    """Write a texts.json of `pages` pages in 16 sections, a function of the seed, and return its path."""
    chance = random.Random(seed)
    rows = []
    for number in range(1, pages + 1):
        section = min(16, (number - 1) * 16 // pages + 1)
        rows.append(
            {
                "id": f"{number:03d}",
                "symbolId": CHARACTER_MAP[section - 1],
                "title": f"section {section}",
                "color": "#884422",
                "pageIndex": number,
                "section": section,
                "text": "\n\n".join(_paragraph(chance, number) for _ in range(3)),
            }
        )
    path = folder / "texts.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def _paragraph(chance: random.Random, number: int) -> str:
    sentences = [
        f"The {chance.choice(_NOUNS)} of the {chance.choice(_NOUNS)} {chance.choice(_VERBS)} "
        f"a {chance.choice(_NOUNS)} {chance.choice(_MANNERS)}, and place {number * 7 + chance.randrange(99)} is still."
        for _ in range(5)
    ]
    return " ".join(sentences)
