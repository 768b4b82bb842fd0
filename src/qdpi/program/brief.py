"""The brief of a run: its question, its sources, and where its page will lead.

Pure functions of a profile, an edition and a standing. The profile's orientation decides what the page is made from,
its provenance which passages are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from qdpi.canon.edition import Edition
from qdpi.events import ReaderInput
from qdpi.language.port import Capabilities
from qdpi.page_schema import Page, PolicyVerdict, Reading, SourceUse
from qdpi.policy import named_sections
from qdpi.policy.placement import Standing
from qdpi.program.plan import PagePlan
from qdpi.search.document import Document, document_of
from qdpi.search.index import InvertedIndex
from qdpi.search.passages import nearest_passage
from qdpi.symbols import Orientation, Profile, Provenance, Source

PASSAGE_WORDS: Final = 90
"""The most words of one source that a model which follows instructions is shown."""
CUE_PASSAGE_WORDS: Final = 30
"""The words of one source that a model which continues prose is shown; nobody is shown fewer."""
SOURCES_SHARE: Final = 0.2
"""The share of a prompt's tokens that is for the passages of sources."""
WORDS_PER_TOKEN: Final = 0.5
"""So many words of prose has a token at least: none in use needs more than two for a word of a novel."""


class ReaderPage(NamedTuple):
    """A page of the reader's own that a run may draw on: a saved page (VAULT) or one of the journey (JOURNEY)."""

    kind: Source
    page: Page


@dataclass(frozen=True, slots=True)
class SourceText:
    """A page that is drawn on, and how it was found; `passage` is what of it is shown, with its paragraphs."""

    use: SourceUse
    text: str
    passage: str


OWN_SOURCE: Final = {
    Provenance.PARALLEL: Source.PARALLEL,
    Provenance.USER: Source.VAULT,
    Provenance.SYSTEM: Source.JOURNEY,
}
"""The source that each provenance adds to the canon."""


@dataclass(frozen=True, slots=True)
class Brief:
    """The inputs of a run's prompts and of its page, computed before the model is called."""

    profile: Profile
    standing: Standing
    locus: Page
    reading: Reading
    kept: bool
    """Whether the reading of the locus was stored, so that this run did not compute it."""
    verdict: PolicyVerdict
    asked: ReaderInput
    question: str
    sources: tuple[SourceText, ...]
    target: str | None
    destination: Page | None
    """The canon page that the new page leads to, with a fork or a return."""

    @property
    def mirror(self) -> str | None:
        """The page of another section that a parallel page drew on."""
        if self.profile.provenance is not Provenance.PARALLEL:
            return None
        return next((s.use.page_id for s in self.sources if s.use.kind == Source.PARALLEL), None)


def passage_words(profile: Profile, model: Capabilities) -> int:
    """Return how many words of each source a model is shown: a fair share of what its prompt has for passages."""
    if not model.plans:
        return CUE_PASSAGE_WORDS
    room = model.prompt_tokens * SOURCES_SHARE * WORDS_PER_TOKEN / profile.most_passages
    return max(CUE_PASSAGE_WORDS, min(PASSAGE_WORDS, int(room)))


def question_of(profile: Profile, reading: Reading, words: str) -> str:
    """Return the question that a page of this orientation pursues; it is also the query for its passages.

    X: the page's summary. Y: its entities and motifs. A: the reader's words or the page's open question.
    Z: its hooks.
    """
    if profile.orientation is Orientation.READ:
        own = reading.summary
    elif profile.orientation is Orientation.INDEX:
        own = " ".join((*reading.entities, *reading.motifs))
    elif profile.orientation is Orientation.ASK:
        own = (reading.anchors or reading.hooks or (reading.summary,))[-1]
    else:
        own = " ".join(reading.hooks)
    if not _asks_in_words(profile, words):
        return own
    return words if profile.orientation is Orientation.ASK else f"{words} {own}"


def _asks_in_words(profile: Profile, words: str) -> bool:
    serves_words = profile.orientation is Orientation.ASK or profile.provenance is Provenance.USER
    return bool(words) and serves_words


def target_sections(profile: Profile, character: int, section: int, words: str) -> frozenset[int]:
    """Return the sections that a departure or a parallel page may lead to; never the locus's own.

    The sections named in the reader's words come first where the profile serves them, then the voice's own.
    """
    named = {s for s in named_sections(words) if s is not None} - {section}
    if profile.provenance is Provenance.USER and named:
        return frozenset(named)
    if character + 1 != section:
        return frozenset({character + 1})
    return frozenset(range(1, 17)) - {section}


def target_page(edition: Edition, sections: Iterable[int], question: str) -> str:
    """Return the canon page of these sections that is nearest to a question; without a hit their first page."""
    wanted = frozenset(sections)
    hits = edition.retriever.search(question, 1, sections=wanted)
    if hits:
        return hits[0].page_id
    return next(page_id for page_id in edition.ring.page_ids if edition.ring.section_of(page_id) in wanted)


def find_sources(
    edition: Edition,
    profile: Profile,
    standing: Standing,
    question: str,
    target: str | None,
    reader_pages: Sequence[ReaderPage],
    words: str,
    passage_words: int,
) -> tuple[SourceText, ...]:
    """Return the passages that a profile reads, in the order of its sources, as many of each as `passages` says.

    The last kind has the room that the others leave. Of each page, `passage_words` words are read: the passage nearest
    to the question. Where the question is in the reader's words, the canon is also searched by meaning.
    """
    found: list[SourceText] = []
    seen = {standing.locus}
    wanted, by_words = profile.most_passages, _asks_in_words(profile, words)
    search = _Search(edition, standing, question, target, reader_pages, wanted + 1, by_words, passage_words)
    for kind, share in profile.passages:
        room = wanted - len(found) if kind is profile.sources[-1] else share
        fresh = [text for text in search.of_kind(kind) if text.use.page_id not in seen][:room]
        found += fresh
        seen.update(text.use.page_id for text in fresh)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Search:
    edition: Edition
    standing: Standing
    question: str
    target: str | None
    reader_pages: Sequence[ReaderPage]
    count: int
    semantic: bool
    passage_words: int

    def of_kind(self, kind: Source) -> list[SourceText]:
        if kind is Source.RING:
            ring, anchor = self.edition.ring, self.standing.anchor
            around = (ring.before(anchor), ring.after(anchor))
            return [self._canon_source(page_id, kind, 1.0, ("ring",)) for page_id in around]
        if kind is Source.PARALLEL:
            return self._parallel(self.target) if self.target else []
        if kind is Source.CANON:
            return self._canon(kind, None)
        return self._reader_pages(kind)

    def _parallel(self, target: str) -> list[SourceText]:
        found = self._canon(Source.PARALLEL, frozenset({self.edition.ring.section_of(target)}))
        return found or [self._canon_source(target, Source.PARALLEL, 0.0, ("target",))]

    def _canon(self, kind: Source, sections: frozenset[int] | None) -> list[SourceText]:
        hits = self.edition.retriever.search(self.question, self.count, sections=sections, semantic=self.semantic)
        return [self._canon_source(hit.page_id, kind, hit.score, hit.via) for hit in hits]

    def _canon_source(self, page_id: str, kind: Source, score: float, via: tuple[str, ...]) -> SourceText:
        return self._source(self.edition.pages[page_id], kind, score, via)

    def _reader_pages(self, kind: Source) -> list[SourceText]:
        pages = {own.page.page_id: own.page for own in self.reader_pages if own.kind is kind}
        index = InvertedIndex([_as_own(page, order) for order, page in enumerate(pages.values())])
        hits = index.search(self.question, self.count)
        if hits:
            return [self._source(pages[hit.page_id], kind, hit.score, hit.via) for hit in hits]
        # Where no word is shared, the newest pages are nearest to what the reader has in mind.
        return [self._source(page, kind, 0.0, ("newest",)) for page in list(pages.values())[: -self.count - 1 : -1]]

    def _source(self, page: Page, kind: Source, score: float, via: tuple[str, ...]) -> SourceText:
        passage = nearest_passage(page.text, self.question, self.passage_words)
        use = SourceUse(
            page_id=page.page_id,
            kind=kind,
            revision=page.revision,
            score=score,
            via=via,
            passage=" ".join(passage.split()),
        )
        return SourceText(use, page.text, passage)


def _as_own(page: Page, order: int) -> Document:
    """Return one of the reader's pages as a document; saved canon pages get no precedence over written ones."""
    return replace(document_of(page, order), kind="journey")


def record_of(plan: PagePlan | None, brief: Brief) -> dict[str, Any]:
    """Return a plan as a receipt keeps it, with what policy and index give to it."""
    plan = plan or PagePlan()
    return {
        "leads": brief.profile.orientation.name.lower(),
        "trajectory": brief.verdict.given.value,
        "pursues": brief.question,
        "motifs": list(brief.reading.motifs[:6]),
        "names": list(brief.reading.entities[:4]),
        "intent": plan.intent,
        "beats": list(plan.beats),
        "mood": plan.mood,
        "answers": plan.answers,
        "edges": list(plan.edges),
        "uses": list(plan.uses),
    }
