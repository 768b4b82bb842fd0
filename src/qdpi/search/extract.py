"""What stands in the sentences of a page: the extractors behind a reading, each a pure function."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from qdpi.search.text import terms_of, words

SUMMARY_CHARACTERS = 300
SUMMARY_SENTENCES = 3
SENTENCE_CHARACTERS = 400
"""A hook or an anchor longer than this is cut at a word and ends in an ellipsis."""
MAX_HOOKS = 3
MAX_MOTIFS = 12
MAX_ANCHORS = 4
ANSWER_REACH = 2
"""How many sentences after a question may answer it."""
WINDOW = 50
"""Words in a window of lexical novelty."""

_ANSWERS = frozenset(
    ("yes", "no", "because", "never", "always", "certainly", "nobody", "none", "yeah", "exactly", "indeed")
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as written, its lower-case words and its content terms."""

    text: str
    words: list[str]
    terms: list[str]


def parse(text: str) -> Sentence:
    """Take one sentence apart."""
    lower = words(text)
    return Sentence(text, lower, terms_of(lower))


def weigh_terms(parts: Iterable[Sentence], idf: Mapping[str, float] | None) -> dict[str, float]:
    """Each content term's count on the page, times its `idf` where that is given."""
    counts = Counter(term for part in parts for term in part.terms)
    if not idf:
        return {term: float(count) for term, count in counts.items()}
    unknown = max(idf.values())
    return {term: count * idf.get(term, unknown) for term, count in counts.items()}


def _clip(sentence: str, limit: int) -> str:
    if len(sentence) <= limit:
        return sentence
    head = sentence[: limit - 1]
    return (head.rsplit(" ", 1)[0] if " " in head else head).rstrip(" ,;:—–-") + "…"


def summary(parts: Sequence[Sentence], masses: Sequence[float]) -> str:
    """The sentences with the heaviest terms on average that fit, in page order.

    After H. P. Luhn, "The automatic creation of literature abstracts", IBM Journal 2 (1958). A page
    whose every sentence is too long gives the heaviest one, cut at a word.
    """
    distinct = [len(set(part.terms)) for part in parts]
    ranked = sorted(range(len(parts)), key=lambda at: (-masses[at] / (distinct[at] + 3), at))
    chosen: dict[str, int] = {}
    room = SUMMARY_CHARACTERS
    for at in ranked:
        text = parts[at].text
        if len(chosen) < SUMMARY_SENTENCES and len(text) <= room and text not in chosen:
            chosen[text] = at
            room -= len(text) + 1
    if not chosen and ranked:
        return _clip(parts[ranked[0]].text, SUMMARY_CHARACTERS)
    return " ".join(sorted(chosen, key=chosen.__getitem__))


def hooks(parts: Sequence[Sentence], masses: Sequence[float], anchors: Sequence[str]) -> tuple[str, ...]:
    """The last sentence, the last open question, then the sentences densest in heavy terms; at most 3.

    `masses` are the summed weights of each sentence's terms, shape [sentences].
    """
    images = sorted(range(len(parts)), key=lambda at: (-masses[at] / (len(parts[at].words) + 5), -at))
    ends = [part.text for part in parts[-1:]]
    candidates = [*ends, *anchors[-1:], *(parts[at].text for at in images[:MAX_HOOKS])]
    return tuple(dict.fromkeys(_clip(text, SENTENCE_CHARACTERS) for text in candidates))[:MAX_HOOKS]


def motifs(weights: Mapping[str, float], names: frozenset[str]) -> tuple[str, ...]:
    """The 12 heaviest terms that are no part of a name."""
    free = [term for term in weights if term not in names]
    return tuple(sorted(free, key=lambda term: (-weights[term], term))[:MAX_MOTIFS])


def open_questions(parts: Sequence[Sentence]) -> tuple[str, ...]:
    """The last four questions that neither of the two sentences after them answers.

    A sentence answers a question when it is none itself and either begins with a word of answering
    (yes, no, because, ...) or takes up at least half of the question's content terms.
    """
    left = [
        _clip(part.text, SENTENCE_CHARACTERS)
        for at, part in enumerate(parts)
        if _is_question(part.text) and not any(_answers(part, reply) for reply in parts[at + 1 : at + 1 + ANSWER_REACH])
    ]
    return tuple(dict.fromkeys(left))[-MAX_ANCHORS:]


def _is_question(text: str) -> bool:
    bare = text.rstrip("\"'”’)]")
    return "?" in bare[len(bare.rstrip("!?….")) :]


def _answers(question: Sentence, reply: Sentence) -> bool:
    if _is_question(reply.text):
        return False
    if reply.words[0] in _ANSWERS:
        return True
    asked = set(question.terms)
    return bool(asked) and 2 * len(asked.intersection(reply.terms)) >= len(asked)


def moving_type_token_ratio(page: Sequence[str]) -> float:
    """Distinct words over words, averaged over windows of 50 words: the same for short and long pages.

    Source: M. Covington, J. McFall, "Cutting the Gordian knot: the moving-average type-token ratio",
    Journal of Quantitative Linguistics 17 (2010).
    """
    if not page:
        return 0.0
    width = min(WINDOW, len(page))
    counts = Counter(page[:width])
    total = distinct = len(counts)
    for leaving, entering in zip(page, page[width:], strict=False):
        counts[entering] += 1
        distinct += counts[entering] == 1
        counts[leaving] -= 1
        distinct -= counts[leaving] == 0
        total += distinct
    return total / (width * (len(page) - width + 1))


def coherence(parts: Sequence[Sentence]) -> float:
    """The mean cosine of the term counts of adjacent sentences; 1 for one sentence, 0 for none."""
    counts = [Counter(part.terms) for part in parts]
    if len(counts) < 2:
        return float(len(counts))
    return sum(map(_cosine, counts, counts[1:])) / (len(counts) - 1)


def _cosine(a: Counter[str], b: Counter[str]) -> float:
    if not a or not b:
        return 0.0
    dot = sum(count * b[term] for term, count in a.items() if term in b)
    return min(1.0, dot / math.sqrt(sum(n * n for n in a.values()) * sum(n * n for n in b.values())))
