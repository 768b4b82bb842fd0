"""X and Y of a page as functions of its text alone: what it says, and what it holds.

No model is asked. The same text and the same `idf` always give the same reading.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from qdpi.page_schema import Reading
from qdpi.search import extract
from qdpi.search.entities import entity_words, find_entities
from qdpi.search.text import content_terms, sentences

EXTRACTOR_VERSION = "text/1"


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
        version=EXTRACTOR_VERSION,
    )
