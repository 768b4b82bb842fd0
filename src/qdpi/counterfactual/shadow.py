"""The shadow of a journey: its presses run again, in order, into memory. The store is only read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from qdpi.canon.editions import reading_row
from qdpi.events import PageDone, PageRequest, Phase
from qdpi.journey import JourneyState
from qdpi.outcome import Outcome
from qdpi.page_schema import Page
from qdpi.program import QDPIProgram
from qdpi.search.analysis import EXTRACTOR_VERSION
from qdpi.services.run import build_runner
from qdpi.services.vault import entries_at
from qdpi.store.paging import outcomes_of
from qdpi.store.ports import PageStore
from qdpi.store.rows import ReadingRow, VaultChangeRow, VaultEntry
from qdpi.symbols import symbol_name
from qdpi.system import System


@dataclass(frozen=True, slots=True)
class PressPair:
    """A press of a journey: its outcome and the shadow's.

    `locus` is the page that the journey's press was made on, None for the first of the ring where no page was named.
    `pressed_on` is the number of the press that wrote it, None for a page of the canon; `notes` say what had to differ
    between the two presses.
    """

    original: Outcome
    shadow: Outcome
    locus: str | None = None
    pressed_on: int | None = None
    notes: tuple[str, ...] = ()


class ShadowPress(NamedTuple):
    """A press for the shadow, with what its `PressPair` says of it."""

    request: PageRequest
    locus: str | None
    pressed_on: int | None
    notes: tuple[str, ...]


class Shadow:
    """What a run reads, where the journey's own outcomes are those of its shadow.

    A page of the shadow has the id of the page whose press wrote it: a press on a written page, a page in the vault
    and a branch so become the shadow's own. The canon is the store's; the vault is as it was at the time `until`.
    """

    def __init__(self, store: PageStore, changes: Sequence[VaultChangeRow], until: datetime) -> None:
        self._store, self._changes, self.until = store, changes, until
        self._outcomes: list[Outcome] = []
        self._written: dict[str, Outcome] = {}

    def take(self, outcome: Outcome) -> None:
        """Take in an outcome as the shadow's next."""
        self._outcomes.append(outcome)
        if outcome.page is not None:
            self._written[outcome.page.page_id] = outcome

    def __contains__(self, page_id: object) -> bool:
        return page_id in self._written

    @property
    def last(self) -> Outcome | None:
        """The newest outcome."""
        return self._outcomes[-1] if self._outcomes else None

    async def page(self, page_id: str) -> Page | None:
        """Return a page of the canon, or the shadow's page of that id."""
        if page_id in self._written:
            return self._written[page_id].page
        page = await self._store.page(page_id)
        return page if page is not None and page.is_canon else None

    async def last_outcome(self, session_id: str) -> Outcome | None:
        """Return the newest outcome."""
        return self.last

    async def outcomes(self, session_id: str, *, after: int = 0, limit: int = 1_000) -> list[Outcome]:
        """Return outcomes with a seq above `after`, in order."""
        return self._outcomes[after : after + limit]

    async def readings(
        self, pages: Collection[tuple[str, int]], extractor_version: str
    ) -> Mapping[tuple[str, int], ReadingRow]:
        """Return the readings of pages: each outcome has that of its page."""
        stored = await self._store.readings([key for key in pages if key[0] not in self], extractor_version)
        own = (self._written[page_id] for page_id, _ in pages if page_id in self)
        rows = (reading_row(each.page, each.reading) for each in own if each.page and each.reading)
        kept = (row for row in rows if row.extractor_version == extractor_version == EXTRACTOR_VERSION)
        return {**stored, **{(row.page_id, row.revision): row for row in kept}}

    async def vault(self, session_id: str) -> list[VaultEntry]:
        """Return the pages that were saved at the time `until`, the oldest first."""
        return entries_at(self._changes, self.until)


def shadow_press(original: Outcome, before: JourneyState, pages: Mapping[str, Page], shadow: Shadow) -> ShadowPress:
    """Return a journey's press as the shadow's.

    `before` is the journey's state at the press, `pages` are those that it had written. The symbol, the words and the
    wish are the same. So is the locus, also where the press named none; where that is a page that the shadow has not
    written, it is the page that that one was written on.
    """
    request, event = original.request, original.event
    pressed = event.locus or request.page_id or before.position
    page = pages.get(pressed or "")
    locus, notes = pressed, _notes_of(original)
    while locus is not None and locus not in shadow and (under := pages.get(locus)) and under.placement:
        locus = under.placement.locus
    if page is not None and locus != pressed:
        notes.append(f"The shadow has no page of press {page.seq}: it stands on {_named(locus, pages)}.")
    symbol = event.symbol_code if request.symbol_code is None else request.symbol_code
    asked = request.model_copy(update={"page_id": locus, "symbol_code": symbol})
    return ShadowPress(asked, pressed, page.seq if page else None, tuple(notes))


def _named(page_id: str | None, pages: Mapping[str, Page]) -> str:
    page = pages.get(page_id or "")
    return f"its own page of press {page.seq}" if page else str(page_id)


def _notes_of(original: Outcome) -> list[str]:
    """Return what the journey's own outcome was ended by, where the shadow's is not."""
    event = original.event
    if isinstance(event, PageDone):
        stopped = "The reader stopped this page; the shadow writes to the end."
        return [stopped] if event.status == "stopped" else []
    if original.request.error is not None:
        return ["This press was refused; the shadow refuses it as well."]
    if event.error.code == "stopped":
        return ["The reader stopped this run before it had any text; the shadow writes to the end."]
    return ["This run failed; the shadow tries it again."]


class NeverStopped:
    """No reader stops a shadow's run."""

    async def stopped(self, session_id: str, press_id: str) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


class PressProgress:
    """The progress of a shadow's run: its attempts are counted, and `tell` hears what it waits for."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._attempts = tell, 0

    def claim_ahead(self) -> None:
        """Claim nothing: no other process runs this shadow."""

    async def begin(self) -> int:
        """Begin an attempt and return its number."""
        self._attempts += 1
        return self._attempts

    async def phase(self, phase: Phase) -> None:
        """Ignore a new phase."""

    async def text(self, piece: str) -> None:
        """Ignore a piece of text."""

    async def waiting(self, until: datetime) -> None:
        """Tell that the run waits for its model's server."""
        self._tell(f"The model's server is busy: waiting until {until:%H:%M:%S} UTC.")


async def run_again(
    system: System, program: QDPIProgram, session_id: str, *, most: int | None, tell: Callable[[str], None]
) -> AsyncGenerator[PressPair]:
    """Run a journey's presses again, at most the first `most`, and yield each with the outcome of both.

    `tell` hears the progress, a sentence at a time. The journey is taken as it is now: presses made meanwhile are left.
    """
    store = system.store
    head = await store.head(session_id)
    last = head if most is None else min(head, most)
    shadow = Shadow(store, await store.changes(session_id), system.now())
    runner = build_runner(system, program, NeverStopped(), reads=shadow)
    before, pages = JourneyState(), dict[str, Page]()
    async for chunk in outcomes_of(store, session_id, last):
        for original in chunk:
            press = shadow_press(original, before, pages, shadow)
            tell(f"Press {original.seq} of {last}: {_described(press)}")
            shadow.until = original.request.ts
            made = await runner.run(press.request, shadow.last, PressProgress(tell))
            shadow.take(made)
            before = original.state
            if original.page is not None:
                pages[original.page.page_id] = original.page
            yield PressPair(original, made, press.locus, press.pressed_on, press.notes)


def _described(press: ShadowPress) -> str:
    code = press.request.symbol_code
    symbol = "a press" if code is None else symbol_name(code)
    if press.pressed_on is not None:
        return f"{symbol} at the page of press {press.pressed_on}"
    return f"{symbol} at {press.request.page_id or 'the first page'}"
