"""The prompt of a model that only continues prose: pages of the voice as earlier turns, and prose to continue. Pure.

A model of this kind does what it has just seen. So all that it sees is prose of one kind: pages and what follows them,
with their paragraphs. The reader's words stand last, as something that was said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from qdpi.canon.edition import Edition
from qdpi.measures.lecture import ESSAY_WORDS
from qdpi.program.brief import OWN_SOURCE, Brief
from qdpi.program.dials import Dials
from qdpi.search.text import ending, is_content, opening, words
from qdpi.symbols import Orientation

DESTINATION_WORDS: Final = 30
CUE_WORDS: Final = 140
_BARRED: Final = -3.0
"""How much less likely the words of essays are made."""
_QUOTES: Final = "“”\"'"
MOST_ASKED: Final = 40
"""The most words of the reader's that the prose ends with."""


def cue_of(brief: Brief) -> str:
    """Return the prose to continue: passages that the page draws on, the end of the page, and what the reader asks.

    X: the page itself. Y: passages, and the page's last words. A: a passage, the page, and its question. Z: passages,
    and the page's last words. A fork and a return end with the beginning of their destination.
    """
    parts = [*_passages(brief), *_page(brief)]
    if brief.destination is not None:
        parts.append(opening(brief.destination.text, DESTINATION_WORDS))
    if said := _said(brief):
        parts.append(said)
    return "\n\n".join(part for part in parts if part)


def _passages(brief: Brief) -> Iterator[str]:
    """Yield passages, those of the provenance's own source first: a short cue has no room for all."""
    count = {Orientation.READ: 0, Orientation.INDEX: 3, Orientation.ASK: 1, Orientation.RECEIVE: 2}
    own = OWN_SOURCE.get(brief.profile.provenance)
    ranked = sorted(brief.sources, key=lambda source: source.use.kind != own)
    least = 1 if own is not None else 0  # what the behaviour is for is always there
    for source in ranked[: max(least, count[brief.profile.orientation])]:
        yield source.passage


def _page(brief: Brief) -> Iterator[str]:
    share = {Orientation.READ: 1.0, Orientation.INDEX: 0.3, Orientation.ASK: 0.6, Orientation.RECEIVE: 0.45}
    yield ending(brief.locus.text, int(CUE_WORDS * share[brief.profile.orientation]))


def _said(brief: Brief) -> str:
    """Return the reader's words on one line, as speech; without them the question that an Ask pursues."""
    if asked := " ".join(brief.asked.words.split()[:MOST_ASKED]).strip(_QUOTES):
        return f"“{asked}”"
    return brief.question if brief.profile.orientation is Orientation.ASK else ""


def demo_turns(edition: Edition, character: int, brief: Brief, dials: Dials) -> list[dict[str, str]]:
    """Return turns of the voice's own pages: a page as the cue, and its next page; the pages most like the voice.

    They are the same wherever the voice is heard, so that its server reads them once.
    """
    own = edition.ring.pages_of(character + 1)
    left_out = {own[-1], brief.locus.page_id}
    chosen = [page_id for page_id in edition.voice_words.typical_pages(character) if page_id not in left_out]
    return [
        {
            "cue": ending(edition.pages[page_id].text, dials.demo_words),
            "page_text": opening(edition.pages[edition.ring.step(page_id)].text, dials.demo_words),
        }
        for page_id in (chosen or own[:1])[: dials.demos]
    ]


def leading_words(edition: Edition, character: int, brief: Brief, dials: Dials) -> Mapping[str, float]:
    """Return the words that lead a page into its voice, to what the reader asks and the page names, and not to essays.

    The words of essays are left to a voice that uses them more than the others do.
    """
    voice = {word: odds * dials.strength for word, odds in edition.voice_words[character].items()}
    raised = {word for word in words(brief.asked.words) if is_content(word)}
    raised |= {word for name in brief.reading.entities for word in words(name)}
    barred = {word for word in ESSAY_WORDS if voice.get(word, 0.0) <= 0}
    led = {**voice, **dict.fromkeys(barred, _BARRED), **dict.fromkeys(raised, dials.raised)}
    return {word: odds for word, odds in led.items() if odds}


def call_config(dials: Dials) -> dict[str, Any]:
    """Return the parameters of a call as DSPy takes them: its temperature; nothing where there is none."""
    return {} if dials.temperature is None else {"config": {"temperature": dials.temperature}}
