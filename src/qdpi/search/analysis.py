"""X and Y of a page as functions of its text alone: what it says, and what it holds.

No model is asked. The same text and the same `idf` always give the same reading.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields

from qdpi.errors import InvalidInput
from qdpi.search import extract
from qdpi.search.entities import entity_words, find_entities
from qdpi.search.text import content_terms, sentences

EXTRACTOR_VERSION = "text/1"

_LISTS = ("hooks", "entities", "motifs", "anchors")


@dataclass(frozen=True, slots=True)
class Reading:
    """A page read (X: summary, hooks) and indexed (Y: entities, motifs, anchors, scores)."""

    summary: str
    """The page's most central sentences in their order, at most 300 characters."""
    hooks: tuple[str, ...]
    """Sentences a next page could take up: the last one, the last open question, the densest image."""
    entities: tuple[str, ...]
    """Names, the most frequent first."""
    motifs: tuple[str, ...]
    """Stemmed content words, the heaviest first."""
    anchors: tuple[str, ...]
    """Questions that the page leaves open, in their order; the last four."""
    scores: dict[str, float]
    """`novelty` and `coherence`, each 0..1."""
    version: str = EXTRACTOR_VERSION

    @property
    def terms(self) -> frozenset[str]:
        """What the page holds, lower-case: motifs and entities, for comparing pages."""
        return frozenset((*self.motifs, *(name.lower() for name in self.entities)))

    def as_dict(self) -> dict[str, object]:
        """The reading as a JSON object."""
        return {name: list(value) if name in _LISTS else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Reading:
        """The reading of a stored row. Raises InvalidInput where a field is missing, unknown or mistyped."""
        names = {field.name for field in fields(cls)}
        if names != stored.keys():
            raise InvalidInput(f"The fields of a stored reading differ: {sorted(names ^ stored.keys())}.")
        lists = {name: _strings(name, stored[name]) for name in _LISTS}
        return cls(
            summary=_string("summary", stored["summary"]),
            scores=_scores(stored["scores"]),
            version=_string("version", stored["version"]),
            **lists,
        )


def _string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{name} of a stored reading is {type(value).__name__}, not a string.")
    return value


def _strings(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidInput(f"{name} of a stored reading is {type(value).__name__}, not a list.")
    return tuple(_string(name, item) for item in value)


def _scores(value: object) -> dict[str, float]:
    if not isinstance(value, Mapping) or not all(isinstance(score, (int, float)) for score in value.values()):
        raise InvalidInput(f"scores of a stored reading are no numbers by name: {value!r:.80}.")
    return {str(name): float(score) for name, score in value.items()}


def inverse_document_frequency(texts: Iterable[str]) -> dict[str, float]:
    """The weight of each content term over the pages of a book: ln(1 + pages / pages that have it)."""
    having: Counter[str] = Counter()
    pages = 0
    for text in texts:
        pages += 1
        having.update(set(content_terms(text)))
    return {term: math.log(1 + pages / count) for term, count in having.items()}


def read_text(text: str, *, idf: Mapping[str, float] | None = None) -> Reading:
    """Read one page. Takes any text, the empty one too.

    `idf` weighs content terms (see `inverse_document_frequency`); a term it does not know weighs as
    much as its heaviest. Without it all terms weigh alike.
    """
    parts = [extract.parse(part) for part in sentences(text)]
    page = [word for part in parts for word in part.words]
    entities = find_entities([part.text for part in parts])
    weights = extract.weigh_terms(parts, idf)
    masses = [sum(weights[term] for term in dict.fromkeys(part.terms)) for part in parts]
    anchors = extract.open_questions(parts)
    return Reading(
        summary=extract.summary(parts, masses),
        hooks=extract.hooks(parts, masses, anchors),
        entities=entities,
        motifs=extract.motifs(weights, entity_words(entities)),
        anchors=anchors,
        scores={"novelty": extract.moving_type_token_ratio(page), "coherence": extract.coherence(parts)},
    )
