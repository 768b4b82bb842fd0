"""A blind reading: pairs of pages without names, for a person to choose from, and what the choices say. Pure."""

from __future__ import annotations

import base64
import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, NamedTuple

from qdpi.errors import InvalidInput
from qdpi.evaluation.report import templates
from qdpi.evaluation.results import Results
from qdpi.evaluation.scoring import CANON, Column

BLIND_VERSION: Final = 1
_LOCUS_WORDS: Final = 120
CHOICES: Final = ("left", "right", "both", "neither")
"""What a reader may choose of a pair: the page that makes them want the next."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pages after the same locus. `left_by` and `right_by` are their writers, which the reader does not see."""

    pair_id: str
    ends: str
    words: str
    left: str
    right: str
    left_by: str
    right_by: str


class Duel(NamedTuple):
    """What a reader chose between two writers."""

    first: str
    second: str
    first_chosen: int
    second_chosen: int
    both: int
    neither: int


def pairs_of(results: Results, columns: Sequence[Column], most: int, seed: int) -> list[Pair]:
    """Return at most `most` pairs, in an order and with sides that the seed decides.

    Two writers answer the same press, or one answers and the canon goes on from the same page. Every two of them occur
    alike often, as far as there are pages.
    """
    chance = random.Random(seed)  # noqa: S311 (an order, not a secret)
    texts = _texts(results, columns)
    duels = list(combinations([CANON, *(c.name for c in columns if c.kind == "writer")], 2))
    waiting = {duel: chance.sample(found, len(found)) for duel in duels if (found := _both(texts, duel))}
    chosen: list[tuple[int, tuple[str, str]]] = []
    while len(chosen) < most and any(waiting.values()):
        for duel, numbers in waiting.items():
            if numbers and len(chosen) < most:
                chosen.append((numbers.pop(), duel))
    presses = {p.answer.number: p for c in columns for p in c.pages if p.answer}
    pairs = []
    for place, (number, duel) in enumerate(chance.sample(chosen, len(chosen)), start=1):
        left, right = chance.sample(duel, 2)
        page = presses[number].page
        ends = " ".join(page.locus.text.split()[-_LOCUS_WORDS:])
        pairs.append(Pair(f"pair-{place}", ends, page.words, texts[left][number], texts[right][number], left, right))
    return pairs


def _texts(results: Results, columns: Sequence[Column]) -> dict[str, dict[int, str]]:
    following = results.bench.following
    by_writer = {
        column.name: {page.answer.number: page.page.text for page in column.pages if page.answer}
        for column in columns
        if column.kind == "writer"
    }
    loci = {page.answer.number: page.page.locus.page_id for c in columns for page in c.pages if page.answer}
    return {CANON: {number: following[locus].text for number, locus in loci.items()}} | by_writer


def _both(texts: Mapping[str, Mapping[int, str]], duel: tuple[str, str]) -> list[int]:
    first, second = (texts[name] for name in duel)
    return sorted(number for number in first.keys() & second.keys() if first[number].strip() and second[number].strip())


def reading_id(pairs: Sequence[Pair]) -> str:
    """Return an id of a reading, by which a tally finds its key."""
    joined = "\n".join(f"{pair.pair_id}\n{pair.left}\n{pair.right}" for pair in pairs)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def blind_page(title: str, pairs: Sequence[Pair]) -> str:
    """Return the HTML page of a reading. Nothing in it tells who wrote what."""
    template = templates().get_template("blind.html")
    script = templates().get_template("blind.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    shown = [{"id": p.pair_id, "ends": p.ends, "words": p.words, "left": p.left, "right": p.right} for p in pairs]
    return template.render(
        title=title, pairs=shown, reading=reading_id(pairs), version=BLIND_VERSION, script=script, digest=digest
    )


def blind_key(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the key of a reading: who wrote which side."""
    return {
        "version": BLIND_VERSION,
        "reading": reading_id(pairs),
        "pairs": {pair.pair_id: {"left": pair.left_by, "right": pair.right_by} for pair in pairs},
    }


def tally(key: Mapping[str, Any], exported: Mapping[str, Any]) -> list[Duel]:
    """Return what a reader chose, by pairs of writers. Raises `InvalidInput` for a tally of another reading."""
    if not isinstance(exported.get("choices"), Mapping) or exported.get("reading") != key.get("reading"):
        named = str(exported.get("reading"))[:40]
        raise InvalidInput(
            f"This is not a tally of the reading {key.get('reading')!r}: it names {named!r}.",
            next_step="Give the JSON that the page of this evaluation's last --blind has exported.",
        )
    counts: dict[tuple[str, str], Counter[str]] = {}
    for pair_id, choice in exported["choices"].items():
        sides = key["pairs"].get(pair_id)
        if sides is None or choice not in CHOICES:
            raise InvalidInput(f"The tally has {choice!r:.40} for {pair_id!r:.40}, which is no choice of this reading.")
        first, second = sorted(sides.values())
        counts.setdefault((first, second), Counter())[sides.get(choice, choice)] += 1
    return [
        Duel(first, second, each[first], each[second], each["both"], each["neither"])
        for (first, second), each in sorted(counts.items())
    ]
