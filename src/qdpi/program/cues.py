"""The prompt of a model that only continues prose: the prose to continue, and a page of the voice before it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from qdpi.canon.edition import Edition
from qdpi.program.brief import OWN_SOURCE, Brief
from qdpi.search.text import first_words, last_words
from qdpi.symbols import Orientation, Trajectory

PASSAGE_WORDS: Final = 60
CUE_WORDS: Final = 140
DEMO_WORDS: Final = 110

_TRAJECTORY_INSTRUCTIONS: Final = {
    Trajectory.CONTINUE: "Go on from the page in its own section.",
    Trajectory.LOOP: "Come back: end where the page to return to can begin.",
    Trajectory.FORK: "Leave for the other section whose passage is given, and arrive there.",
    Trajectory.DRIFT: "Drift away from the page, without a goal.",
}


def cue_of(brief: Brief) -> str:
    """Return the prose that a model without instructions is given to continue.

    X: the page itself. Y: passages and the page's last words. A: the page and the question. Z: passages and
    hooks. A fork and a return end with the beginning of their destination.
    """
    parts = [*_cue_matter(brief)]
    if brief.destination is not None:
        parts.append(first_words(brief.destination.text, PASSAGE_WORDS // 2))
    return "\n\n".join(part for part in parts if part)


def _cue_matter(brief: Brief) -> Iterable[str]:
    page = brief.locus.text
    if brief.profile.orientation is Orientation.READ:
        return (*_excerpts(brief, 2, PASSAGE_WORDS // 2), last_words(page, CUE_WORDS))
    if brief.profile.orientation is Orientation.INDEX:
        return (*_excerpts(brief, 4, PASSAGE_WORDS // 2), last_words(page, CUE_WORDS // 3))
    if brief.profile.orientation is Orientation.ASK:
        return (*_excerpts(brief, 2, PASSAGE_WORDS // 2), last_words(page, CUE_WORDS // 2), brief.question)
    return (*_excerpts(brief, 2, PASSAGE_WORDS), brief.asked.words, *brief.reading.hooks[:2])


def _excerpts(brief: Brief, count: int, words: int) -> list[str]:
    # The passages of the provenance's own source come first: a short cue has no room for all.
    own = OWN_SOURCE.get(brief.profile.provenance)
    ranked = sorted(brief.sources, key=lambda source: source.use.kind != own)
    return [first_words(source.text, words) for source in ranked[:count]]


def instruction_of(given: Trajectory) -> str:
    """Return the instruction for a trajectory."""
    return f"{given.value}: {_TRAJECTORY_INSTRUCTIONS[given]}"


def demo_turns(edition: Edition, character: int, question: str, exclude: str) -> list[dict[str, str]]:
    """Return one turn of the voice's own pages: a canon page as the cue, its true next page as the answer."""
    own = edition.ring.pages_of(character + 1)
    hits = edition.retriever.search(question, 3, sections={character + 1})
    candidates = [hit.page_id for hit in hits] + [own[0]]
    page_id = next((p for p in candidates if p not in {own[-1], exclude}), own[0])
    following = edition.ring.step(page_id)
    return [
        {
            "cue": last_words(edition.pages[page_id].text, DEMO_WORDS),
            "page_text": first_words(edition.pages[following].text, DEMO_WORDS),
        }
    ]
