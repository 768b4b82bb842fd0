"""Journeys without a model or a bus: presses run through the pure functions of the policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.support import factories

from qdpi.events import PageDone, PageFailed
from qdpi.ids import page_id
from qdpi.journey import JourneyState, fold
from qdpi.page_schema import Page, PolicyVerdict, Reading
from qdpi.policy import Situation, decide, locus_terms, situation_of
from qdpi.policy.placement import Standing, bind, standing_of
from qdpi.policy.ring import Ring
from qdpi.symbols import Trajectory, profile_of


def ring_of(sizes: Sequence[int]) -> Ring:
    """Return a ring of sections of these sizes, in order, from section 1."""
    sections = [section for section, size in enumerate(sizes, start=1) for _ in range(size)]
    return Ring([(factories.canon_id(n, section), section) for n, section in enumerate(sections, start=1)])


def reading(*terms: str, questions: int = 0) -> Reading:
    """Return the reading of a page with these motifs and a number of unresolved anchors."""
    return Reading(
        summary="A page.",
        hooks=(),
        entities=(),
        motifs=terms,
        anchors=tuple(f"question {n}?" for n in range(questions)),
        scores={"novelty": 1.0, "coherence": 1.0},
        version="test",
    )


def unrelated_reading(page: str) -> Reading:
    """Return a reading that shares no motif with another page and has no unresolved anchors."""
    return reading(f"thing of {page}")


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a press, with the inputs of its verdict."""

    before: JourneyState
    standing: Standing
    situation: Situation
    verdict: PolicyVerdict
    page: Page
    event: PageDone


@dataclass
class Reader:
    """A journey on a ring: its pages and events, and its state, which is always the fold of the events."""

    ring: Ring
    session_id: str = "reader"
    readings: Callable[[str], Reading] = unrelated_reading
    state: JourneyState = field(default_factory=JourneyState)
    pages: dict[str, Page] = field(default_factory=dict)
    events: list[PageDone | PageFailed] = field(default_factory=list)

    def page(self, wanted: str | None) -> Page:
        """Return the page of a press: by default the journey's position."""
        found = wanted or self.state.position or self.ring.first
        if found in self.pages:
            return self.pages[found]
        number, section = int(found[-4:]), int(found[1:3])
        return factories.canon_page(number, section=section)

    def press(
        self,
        symbol: int,
        on: str | None = None,
        *,
        wish: Trajectory | None = None,
        words: str = "",
        targets: Iterable[str] = (),
    ) -> Answer:
        """Run a press. A departure goes to the first target outside the section of the locus."""
        pressed = self.page(on)
        standing = standing_of(pressed, self.ring, self.state.branches)
        read = self.readings(standing.locus)
        situation = situation_of(self.state, standing, read)
        verdict = decide(profile_of(symbol), situation, wish=wish, words=words, section=standing.section)
        asked = factories.request(self.session_id, self.state.seq + 1, symbol_code=symbol, page_id=on, trajectory=wish)
        target = next(
            page for page in (*targets, *self.ring.page_ids) if self.ring.section_of(page) != standing.section
        )
        binding = bind(
            page_id(asked.request_id),
            standing,
            verdict.given,
            self.ring,
            target=target,
            mirror=target if profile_of(symbol).code.endswith("P") else None,
        )
        page = factories.generated_page(
            asked,
            seq=self.state.seq + 1,
            section=binding.section,
            trajectory=verdict.given,
            return_to=binding.return_to,
            edges=binding.edges,
            placement=binding.placement,
        )
        event = factories.done(page, asked, seq=page.seq or 0).model_copy(
            update={"locus_terms": locus_terms(read), "policy": verdict}
        )
        answer = Answer(self.state, standing, situation, verdict, page, event)
        self.pages[page.page_id] = page
        self._take(event)
        return answer

    def fail(self) -> PageFailed:
        """Add the failure of the next press."""
        event = factories.failed(factories.request(self.session_id, self.state.seq + 1), seq=self.state.seq + 1)
        self._take(event)
        return event

    def _take(self, event: PageDone | PageFailed) -> None:
        self.events.append(event)
        self.state = fold(self.state, event)
