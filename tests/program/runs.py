"""Runs of the program without a system: an edition in memory, the reader's own pages, any model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.support import factories
from tests.support.replies import page_for
from tests.support.scripted import ScriptedModel

from qdpi.canon.edition import Edition
from qdpi.events import PressInput
from qdpi.journey import JourneyState
from qdpi.page_schema import Page, Placement
from qdpi.program import QDPIProgram
from qdpi.program.brief import Brief, ReaderPage
from qdpi.program.draft import Draft, FinishedPage, RunInput, RunProgress, SilentProgress
from qdpi.symbols import Source, Trajectory, encode_symbol

LOCUS = "S05-P0014"
CHARACTER = 1
SAVED = "S13-P0040"


@dataclass(frozen=True)
class Ran:
    """A run that has ended, and the prompts of its model."""

    run: RunInput
    brief: Brief
    draft: Draft
    page: FinishedPage
    prompts: list[str]

    @property
    def kinds(self) -> set[str]:
        return {source.use.kind for source in self.brief.sources}


def own_page(name: str, **changes: object) -> Page:
    """Return a page that the journey wrote."""
    placement = Placement(locus=LOCUS, anchor=LOCUS, anchor_section=5, depth=1)
    return factories.generated_page(
        factories.request(), page_id=name, text=page_for(f"The letter, the well and the {name}."), placement=placement
    ).model_copy(update=changes)


def reader_pages(edition: Edition) -> list[ReaderPage]:
    """Return a saved canon page and two pages of the journey."""
    return [
        ReaderPage(Source.VAULT, edition.pages[SAVED]),
        ReaderPage(Source.JOURNEY, own_page("orchard")),
        ReaderPage(Source.JOURNEY, own_page("staircase")),
    ]


async def run(
    edition: Edition,
    model: ScriptedModel,
    behavior: int,
    *,
    words: str = "",
    wish: Trajectory | None = None,
    own: list[ReaderPage] | None = None,
    pressed: Page | None = None,
    state: JourneyState | None = None,
    progress: RunProgress | None = None,
    path: Sequence[Page] = (),
) -> Ran:
    """Run a behaviour once at the locus, in one character's voice."""
    program = QDPIProgram(edition, model)
    given = RunInput(
        page_id="the-new-page",
        symbol_code=encode_symbol(CHARACTER, behavior),
        pressed=pressed or edition.pages[LOCUS],
        edition=edition,
        state=state or JourneyState(),
        asked=PressInput(user_intent=words, trajectory=wish),
        reader_pages=reader_pages(edition) if own is None else own,
        path=path,
    )
    brief, draft = program.prepare(given), Draft()
    await program.draft(given, brief, draft, progress or SilentProgress())
    return Ran(given, brief, draft, program.finish(given, brief, draft), model.prompts)
