"""The prompts of a model that follows instructions: what it is given to plan a page, and to write it. Pure.

Everything that is given is in words: no codes, no figures that only the program understands. What a run can do without
is left out first where a prompt would be longer than its model takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from qdpi.canon.edition import Edition
from qdpi.page_schema import Page
from qdpi.program.brief import Brief, SourceText
from qdpi.program.draft import Draft, RunInput
from qdpi.program.plan import PagePlan
from qdpi.search.text import ending, first_words, kept_paragraphs, last_words, opening
from qdpi.symbols import CHARACTER_NAMES, Orientation, Provenance, Source, Trajectory, decode_symbol

EAR_WORDS: Final = 70
BEFORE_WORDS: Final = 60
STEP_WORDS: Final = 18
JOINED_WORDS: Final = 35
FEWEST_PAGE_WORDS, MOST_PAGE_WORDS = 40, 420
MOST_MOTIFS: Final = 8
EAR_PASSAGES: Final = 2
BYTES_PER_TOKEN: Final = 3
"""No tokenizer in use makes more tokens of prose than one for three bytes of UTF-8, in any script."""
SHORTEST_PAGE, LONGEST_PAGE = 110, 320
"""The bounds of the length that is asked for, in words, whatever the pages of the voice are."""

_ORIENTATIONS: Final[Mapping[Orientation, str]] = {
    Orientation.READ: "Reread the page closely: stay in its scene and its hour, and show what it passed over. "
    "Begin with a thing that is on the page, seen nearer. Nothing new arrives.",
    Orientation.INDEX: "Make the page of what memory holds: let names and things of the page and of the passages "
    "return, one leading to the next, each changed by its return. Begin with one of them. Nothing happens but this.",
    Orientation.ASK: "Pursue the question through the page: let the voice ask it in so many words, try an answer, and "
    "end nearer to it or with a better question.",
    Orientation.RECEIVE: "Receive freely: take up a loose thread of the page and let something happen that has not "
    "happened before. Begin with its arrival.",
}
_PROVENANCES: Final[Mapping[Provenance, str]] = {
    Provenance.CANON: "Hold to what the novel has said: no person and no place that is not in the page or the "
    "passages, and contradict nothing.",
    Provenance.PARALLEL: "Let matter of the other section show through this one: one of its people, places or things, "
    "by its name, comes into the page and is not explained.",
    Provenance.USER: "This page is the reader's: it serves the reader's words and the pages that the reader kept, "
    "within what the novel allows.",
    Provenance.SYSTEM: "Follow the thread of this reader's own journey: take up what the pages of it left open, as if "
    "the novel had always had them.",
}
_TRAJECTORIES: Final[Mapping[Trajectory, str]] = {
    Trajectory.CONTINUE: "Go on from the page in its own section, so that the page that is joined can follow.",
    Trajectory.LOOP: "Come back: what was left is found again, and the page ends where the page that is joined begins.",
    Trajectory.FORK: "Leave for the other section: the page ends within it, where the page that is joined begins.",
    Trajectory.DRIFT: "Drift away from the page, without a goal and without an end.",
}
_KINDS: Final[Mapping[str, str]] = {
    Source.RING: "beside the page in the book",
    Source.CANON: "from the book",
    Source.PARALLEL: "from the other section",
    Source.VAULT: "kept by the reader",
    Source.JOURNEY: "written for this reader",
}
_LEFT_OUT_FIRST: Final = ("branch", "before", "ear", "sources", "state")
"""The inputs that can be shortened, the first that is dispensed with first."""


def plan_inputs(run: RunInput, brief: Brief, indexed: Mapping[str, Any], most_tokens: int) -> dict[str, Any]:
    """Return the inputs of the call that plans; `indexed` is what X and Y found on the page."""
    open_questions = "; ".join(str(each) for each in indexed.get("anchors") or ())
    return _fitted(
        {
            **_situation(run, brief),
            "state": {
                "in short": indexed.get("summary"),
                "names": indexed.get("entities"),
                "recurring things": indexed.get("motifs"),
                "open questions": open_questions,
            },
            "edges": _joined(run, brief),
            "user_intent": brief.asked.words,
            "constraints": list(_constraints(run, brief)),
        },
        most_tokens,
    )


def page_inputs(run: RunInput, brief: Brief, plan: PagePlan, draft: Draft, most_tokens: int) -> dict[str, Any]:
    """Return the inputs of the call that writes."""
    return _fitted(
        {
            **_situation(run, brief),
            "user_intent": brief.asked.words,
            "plan": {
                "intent": plan.intent,
                "beats": "; ".join(plan.beats),
                "mood": plan.mood,
                "question to answer": plan.answers or _open_question(brief),
                "end": "; ".join(plan.edges),
            },
            "edges": _joined(run, brief),
            "constraints": [*_constraints(run, brief), length_of(run)],
            "draft": kept_paragraphs(draft.refused_text),
            "validation": {"to be mended": list(draft.refused)} if draft.refused else {},
        },
        most_tokens,
    )


def _situation(run: RunInput, brief: Brief) -> dict[str, Any]:
    edition, character = run.edition, decode_symbol(run.symbol_code)[0]
    way = way_to(run, brief)
    return {
        "novel": _novel(edition, brief.locus),
        "voice": {
            "name": CHARACTER_NAMES[character],
            "manner": edition.voices[character].profile,
            "measured": str(edition.cards[character]),
        },
        "ear": _ear(edition, character, brief),
        "before": ending(way[-1].text, BEFORE_WORDS) if way else "",
        "branch": [f"{_teller(step)}: {first_words(step.text, STEP_WORDS)} …" for step in way[:-1]],
        "render": opening(brief.locus.text, MOST_PAGE_WORDS),
        "sources": [_passage(edition, number, source) for number, source in enumerate(brief.sources, 1)],
    }


def way_to(run: RunInput, brief: Brief) -> list[Page]:
    """Return the pages before the locus, the oldest first: those of its branch, or the one before it in the book."""
    edition, locus = run.edition, brief.locus
    if not locus.is_canon:
        return [edition.pages[edition.ring.resolve(brief.standing.anchor)], *run.path]
    is_first = locus.page_id == edition.ring.first  # the ring closes there, the book does not
    return [] if is_first else [edition.pages[edition.ring.before(locus.page_id)]]


def _novel(edition: Edition, locus: Page) -> str:
    title = edition.section_titles.get(locus.section)
    section = f"section {locus.section}, “{title.title}”" if title else f"section {locus.section}"
    told = f"told by {CHARACTER_NAMES[locus.char_hex]}"
    where = f"is of {section}, {told}" if locus.is_canon else f"was written for this reader in {section}, {told}"
    return f"“{edition.revision.title}”, a novel in sixteen sections, each in a voice of its own. The page {where}."


def _teller(page: Page) -> str:
    return f"{CHARACTER_NAMES[page.char_hex]} in section {page.section}"


def _ear(edition: Edition, character: int, brief: Brief) -> list[str]:
    """Return passages of the voice's own pages that are nearest to the question, none of those shown already."""
    shown = {brief.locus.page_id, *(source.use.page_id for source in brief.sources)}
    hits = edition.retriever.search(brief.question, EAR_PASSAGES + len(shown), sections=frozenset({character + 1}))
    nearest = [hit.page_id for hit in hits] + list(edition.ring.pages_of(character + 1))
    chosen = list(dict.fromkeys(page_id for page_id in nearest if page_id not in shown))[:EAR_PASSAGES]
    return [opening(edition.pages[page_id].text, EAR_WORDS) for page_id in chosen]


def _passage(edition: Edition, number: int, source: SourceText) -> str:
    page = edition.pages.get(source.use.page_id)
    told = f"section {page.section}, {CHARACTER_NAMES[page.char_hex]}" if page else "no page of the book"
    return f"{number}. ({told}; {_KINDS[source.use.kind]}) {source.passage}"


def joined_page(run: RunInput, brief: Brief) -> Page | None:
    """Return the page of the book that the new page leads on to; None for a page that drifts."""
    given, ring = brief.verdict.given, run.edition.ring
    if given is Trajectory.DRIFT:
        return None
    following = ring.after(brief.standing.anchor) if given is Trajectory.CONTINUE else None
    return run.edition.pages[following] if following else brief.destination


def _joined(run: RunInput, brief: Brief) -> dict[str, Any]:
    page = joined_page(run, brief)
    if page is None:
        return {}
    return {"is joined by": f"a page of section {page.section}, told by {CHARACTER_NAMES[page.char_hex]}",
            "which begins": f"{first_words(page.text, JOINED_WORDS)} …"}  # fmt: skip


def _open_question(brief: Brief) -> str:
    """Return the question that a page pursues where neither its reader nor a plan has one."""
    return "" if brief.asked.words or brief.profile.orientation is not Orientation.ASK else brief.question


def _constraints(run: RunInput, brief: Brief) -> Iterator[str]:
    yield _ORIENTATIONS[brief.profile.orientation]
    if brief.profile.orientation is Orientation.INDEX:
        held = (*brief.reading.entities[:4], *brief.reading.motifs[:MOST_MOTIFS])
        yield f"What the page holds: {', '.join(held)}." if held else "Let the things of the page return."
    yield _PROVENANCES[brief.profile.provenance]
    yield _TRAJECTORIES[brief.verdict.given]
    if brief.asked.words:
        yield "Take up the reader's words: what they ask for or name must be found on the page, in the voice's own way."


def length_of(run: RunInput) -> str:
    """Return the length that is asked for, as a sentence: that of the voice's own pages."""
    usual = run.edition.cards[decode_symbol(run.symbol_code)[0]].page_words
    words = min(LONGEST_PAGE, max(SHORTEST_PAGE, round(usual, -1)))
    return f"Write about {words} words, in paragraphs as the voice has them, and end with a whole sentence."


def _fitted(inputs: dict[str, Any], most_tokens: int) -> dict[str, Any]:
    """Return inputs that fit a model's tokens: parts that a run can do without are left out, the last ones first."""
    for name in _LEFT_OUT_FIRST:
        while inputs.get(name) and _bytes(inputs) > most_tokens * BYTES_PER_TOKEN:
            inputs[name] = inputs[name][:-1] if isinstance(inputs[name], list) else type(inputs[name])()
    room = most_tokens * BYTES_PER_TOKEN - _bytes(inputs)
    if room < 0:
        page = inputs["render"]
        share = 1 + room / max(1, len(page.encode("utf-8", "replace")))
        inputs["render"] = last_words(page, max(FEWEST_PAGE_WORDS, int(share * len(page.split()))))
    return inputs


def _bytes(inputs: Mapping[str, Any]) -> int:
    return sum(len(text.encode("utf-8", "replace")) for value in inputs.values() for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _texts(item)
    elif value:
        yield str(value)
