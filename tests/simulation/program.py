"""A program without DSPy: its policy, edges and order of calls are the real ones, its prose is not.

A page of the real program takes twenty times as long, so most seeds use this one.
"""

from __future__ import annotations

import asyncio
from functools import cache
from random import Random

from qdpi.errors import ModelUnreachable
from qdpi.events import Phase
from qdpi.language.port import LanguageModel
from qdpi.page_schema import Reading, Validation
from qdpi.policy.placement import bind
from qdpi.program import QDPIProgram
from qdpi.program.brief import Brief
from qdpi.program.draft import Draft, FinishedPage, RunInput, RunProgress
from qdpi.search.analysis import read_text


@cache
def _reading() -> Reading:
    return read_text("The keeper counts the lamps, and a door is found open.")


class BriskProgram(QDPIProgram):
    """Writes a page that names its run and its attempt, in up to `pace` seconds a piece, or fails by chance."""

    def __init__(self, model: LanguageModel, chance: Random, *, pace: float, fails: float) -> None:
        super().__init__(model=model)
        self._chance, self._pace, self._fails = chance, pace, fails

    async def draft(self, run: RunInput, brief: Brief, draft: Draft, progress: RunProgress) -> None:
        """Write three pieces."""
        draft.attempts = await progress.begin()
        await progress.phase(Phase.WRITING)
        for piece in (f"Page {run.page_id} ", f"of {brief.standing.locus}, ", f"attempt {draft.attempts}."):
            await asyncio.sleep(self._chance.random() * self._pace)
            draft.text = piece if piece.startswith("Page") else draft.text + piece
            await progress.text(piece)
            if self._chance.random() < self._fails:
                raise ModelUnreachable("The simulated model broke off.")
        draft.validation = Validation(passed=True)

    def finish(self, run: RunInput, brief: Brief, draft: Draft) -> FinishedPage:
        """Bind the page, without reading it."""
        binding = bind(
            run.page_id,
            brief.standing,
            brief.verdict.given,
            run.edition.ring,
            target=brief.target,
            mirror=brief.mirror,
        )
        validation = draft.validation or Validation(passed=True)
        return FinishedPage(draft.text, "A page", _reading(), binding, validation)
