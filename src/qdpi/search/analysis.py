"""X and Y of a page, computed from its text: summary, hooks, entities, motifs, anchors and scores.

No model is called. The same text always gives the same reading.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from qdpi.page_schema import Reading
from qdpi.search.text import COMMON_WORDS, FUNCTION_WORDS, cased_words, sentences, stem, terms_of, words

EXTRACTOR_VERSION = "text/1"

SUMMARY_CHARACTERS = 300
SUMMARY_SENTENCES = 3
SENTENCE_CHARACTERS = 400
"""A hook or an anchor longer than this is cut at a word and ends in an ellipsis."""
MAX_HOOKS = 3
MAX_MOTIFS = 12
MAX_ANCHORS = 4
ANSWER_REACH = 2
"""The number of sentences after a question that may answer it."""
WINDOW = 50
"""Words in a window of lexical novelty."""
MAX_ENTITIES = 12
LONGEST_NAME = 5
"""Words in a name; a longer run of capitalised words is cut."""
MOSTLY_CAPITALS = 0.6
"""A sentence with a larger share of capitalised words is a heading, and its words are not names."""

_ANSWERS = frozenset(
    ("yes", "no", "because", "never", "always", "certainly", "nobody", "none", "yeah", "exactly", "indeed")
)
_NAME_WORD = r"[^\W\d_a-z][\w]*(?:['’][^\W\d_]{2,})*"
_JOINT = r"(?:[ -]|\. )(?:(?:of|de|von|van) (?:the )?)?"
_NAME = re.compile(rf"{_NAME_WORD}(?:{_JOINT}{_NAME_WORD}){{0,{LONGEST_NAME - 1}}}")
_CONTRACTION = re.compile(r"['’](?:s|m|d|ll|re|ve|t)$", re.IGNORECASE)


def read_text(text: str) -> Reading:
    """Return the reading of a page's text, which may be empty."""
    parts = [parse(part) for part in sentences(text)]
    page = [word for part in parts for word in part.words]
    entities = find_entities([part.text for part in parts])
    weights = Counter(term for part in parts for term in part.terms)
    masses = [sum(weights[term] for term in dict.fromkeys(part.terms)) for part in parts]
    anchors = open_questions(parts)
    return Reading(
        summary=summary(parts, masses),
        hooks=hooks(parts, masses, anchors),
        entities=entities,
        motifs=motifs(weights, entity_words(entities)),
        anchors=anchors,
        scores={"novelty": moving_type_token_ratio(page), "coherence": coherence(parts)},
        version=EXTRACTOR_VERSION,
    )


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as written, its lower-case words and its content terms."""

    text: str
    words: list[str]
    terms: list[str]


def parse(text: str) -> Sentence:
    """Return a sentence with its words and terms."""
    lower = words(text)
    return Sentence(text, lower, terms_of(lower))


def _clip(sentence: str, limit: int) -> str:
    if len(sentence) <= limit:
        return sentence
    head = sentence[: limit - 1]
    return (head.rsplit(" ", 1)[0] if " " in head else head).rstrip(" ,;:—–-") + "…"


def summary(parts: Sequence[Sentence], masses: Sequence[float]) -> str:
    """Return the sentences with the highest average term weight that fit, in page order.

    After H. P. Luhn, "The automatic creation of literature abstracts", IBM Journal 2 (1958). A page
    whose every sentence is too long gives the highest-ranked one, cut at a word.
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
    """Return the last sentence, the last open question, then the sentences with the densest terms; at most 3.

    `masses` are the summed weights of each sentence's terms, shape [sentences].
    """
    images = sorted(range(len(parts)), key=lambda at: (-masses[at] / (len(parts[at].words) + 5), -at))
    ends = [part.text for part in parts[-1:]]
    candidates = [*ends, *anchors[-1:], *(parts[at].text for at in images[:MAX_HOOKS])]
    return tuple(dict.fromkeys(_clip(text, SENTENCE_CHARACTERS) for text in candidates))[:MAX_HOOKS]


def motifs(weights: Mapping[str, float], names: frozenset[str]) -> tuple[str, ...]:
    """Return the 12 terms of the highest weight that are not part of a name."""
    free = [term for term in weights if term not in names]
    return tuple(sorted(free, key=lambda term: (-weights[term], term))[:MAX_MOTIFS])


def open_questions(parts: Sequence[Sentence]) -> tuple[str, ...]:
    """Return the last four questions that neither of the two sentences after them answers.

    A sentence answers a question when it is not a question and either begins with an answering word
    (yes, no, because, ...) or repeats at least half of the question's content terms.
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
    """Return distinct words over words, averaged over windows of 50 words, which does not depend on length.

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
    """Return the mean cosine of the term counts of adjacent sentences; 1 for one sentence, 0 for none."""
    counts = [Counter(part.terms) for part in parts]
    if len(counts) < 2:
        return float(len(counts))
    return sum(map(_cosine, counts, counts[1:])) / (len(counts) - 1)


def _cosine(a: Counter[str], b: Counter[str]) -> float:
    if not a or not b:
        return 0.0
    dot = sum(count * b[term] for term, count in a.items() if term in b)
    return min(1.0, dot / math.sqrt(sum(n * n for n in a.values()) * sum(n * n for n in b.values())))


def find_entities(parts: Sequence[str]) -> tuple[str, ...]:
    """Return the names in the sentences of a page, at most 12, the most frequent first, then as they appear.

    A single word counts as a name only where it is capitalised inside a sentence; its occurrences at the
    beginning of sentences are then counted as well.
    """
    inside: Counter[str] = Counter()
    opening: Counter[str] = Counter()
    for part in parts:
        if _is_heading(part):
            continue
        for name, opens in _names(part):
            (opening if opens and " " not in name else inside)[name] += 1
    counts = {name: count + opening[name] for name, count in inside.items()}
    order = sorted(counts, key=lambda name: -counts[name])
    return tuple(order[:MAX_ENTITIES])


def entity_words(entities: Iterable[str]) -> frozenset[str]:
    """Return the stems of the words in names."""
    return frozenset(stem(word.lower().replace("’", "'")) for name in entities for word in cased_words(name))


def _is_heading(part: str) -> bool:
    tokens = cased_words(part)
    return len(tokens) > 3 and sum(word[0].isupper() for word in tokens) > MOSTLY_CAPITALS * len(tokens)


def _names(part: str) -> Iterator[tuple[str, bool]]:
    first = next(iter(re.finditer(r"\w", part)), None)
    for match in _NAME.finditer(part):
        if not match.group()[0].isupper():
            continue
        opens = first is not None and match.start() == first.start()
        tokens = match.group().split(" ")
        while tokens and _is_common(tokens[0]):
            tokens, opens = tokens[1:], False
        while tokens and (_is_common(tokens[-1]) or not tokens[-1][0].isupper()):
            tokens = tokens[:-1]
        name = _CONTRACTION.sub("", " ".join(tokens))
        if len(name) > 1 and name[0].isupper():
            yield name, opens


def _is_common(token: str) -> bool:
    parts = token.lower().replace("’", "'").rstrip(".").split("-")
    return all(part in FUNCTION_WORDS or part in COMMON_WORDS or len(_CONTRACTION.sub("", part)) < 2 for part in parts)
