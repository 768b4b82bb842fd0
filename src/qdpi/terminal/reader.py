"""A reading: where a reader is, what is being written for them, and what they can do. It shows nothing itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from qdpi.api.requests import Accepted
from qdpi.api.responses import CanonShape, JourneyView, PageView, RunStatus
from qdpi.client import Client, Frame, GatewayUnreachable, Refused
from qdpi.errors import InvalidInput, PublishUnknown, QdpiError, UnknownPage
from qdpi.events import PageDelta, PageDone, PageFailed
from qdpi.symbols import Trajectory, parse_symbol

T = TypeVar("T")
_PAUSES: Final = (0.3, 1.0)
"""Before the second and third try of a call whose answer did not come, in seconds."""


@dataclass
class ActiveRun:
    """A page that is being written: its press, what is being done, and the text so far."""

    press_id: str
    phase: str = "queued"
    attempt: int = 0
    text: str = ""

    def take(self, delta: PageDelta) -> bool:
        """Add a piece; tell whether the text begins anew with it. A piece after a lost one is left to the page."""
        anew = delta.attempt > self.attempt
        if anew:
            self.attempt, self.text = delta.attempt, ""
        self.phase = delta.phase.value
        if delta.offset == len(self.text):
            self.text += delta.text
        return anew


class Display(Protocol):
    """Whoever shows a reader."""

    def run_started(self, run: ActiveRun) -> None:
        """A page is going to be written."""

    def phase_changed(self, run: ActiveRun) -> None:
        """The run does something else now."""

    def text_arrived(self, run: ActiveRun, piece: str, anew: bool) -> None:
        """A piece of text came; with `anew` the text begins over."""

    def run_ended(self, run: ActiveRun, outcome: PageDone | PageFailed, page: PageView | None) -> None:
        """The run has its outcome; of a page, the page."""

    def other_run_ended(self, outcome: PageDone | PageFailed) -> None:
        """A run that was not watched has its outcome."""

    def gateway_unavailable(self, error: QdpiError) -> None:
        """The gateway is away, and is waited for."""


@dataclass
class ReaderSession:
    """A reader's journey at a gateway. Calls raise what `Client` raises, and `InvalidInput` for a wrong word."""

    client: Client
    session_id: str
    display: Display
    new_id: Callable[[], str]
    canon: CanonShape | None = None
    page: PageView | None = None
    run: ActiveRun | None = None
    _places: dict[str, int] = field(default_factory=dict)
    _sending: bool = False
    _just_came: bool = False
    _pressing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def begin(self) -> JourneyView:
        """Open the book where the reader was."""
        self.canon = await self.client.canon()
        self._places = {entry.page_id: place for place, entry in enumerate(self.canon.ring)}
        journey = await self.journey()
        await self.open(journey.position or self.canon.ring[0].page_id)
        self._just_came = True
        return journey

    async def journey(self) -> JourneyView:
        """Return the journey as it stands, without its events."""
        return await self.client.journey(self.session_id, limit=1)

    async def follow(self, after: int) -> None:
        """Follow the journey's stream after a seq for ever, and tell the display."""
        stream = self.client.stream(self.session_id, after=after, on_wait=self.display.gateway_unavailable)
        async with aclosing(stream) as frames:
            async for frame in frames:
                async with self._pressing:  # a press whose id is not known yet is about to be
                    await self._hear(frame)

    async def _hear(self, frame: Frame) -> None:
        if isinstance(frame, RunStatus | PageDelta):
            self._watch(frame)
        elif isinstance(frame, PageDone | PageFailed):
            await self._end(frame)

    def _watch(self, frame: RunStatus | PageDelta) -> None:
        if self.run is None and self._just_came:  # what was begun before is gone on with
            self._take_up(frame.press_id)
        run = self.run
        if run is None or run.press_id != frame.press_id:
            return
        if isinstance(frame, PageDelta):
            before = run.phase
            anew = run.take(frame)
            if run.phase != before:
                self.display.phase_changed(run)
            self.display.text_arrived(run, frame.text, anew and frame.attempt > 1)
        elif run.phase != frame.phase:
            run.phase = frame.phase
            self.display.phase_changed(run)

    def _take_up(self, press_id: str) -> None:
        self.run, self._just_came = ActiveRun(press_id), False
        self.display.run_started(self.run)

    async def _end(self, outcome: PageDone | PageFailed) -> None:
        if self.run is None or self.run.press_id != outcome.press_id:
            self.display.other_run_ended(outcome)
            return
        run, self.run = self.run, None
        page = await self.fetch(outcome.page_id) if isinstance(outcome, PageDone) else None
        if page is not None:
            self.page = page
        self.display.run_ended(run, outcome, page)

    async def press(self, symbol: str | int, words: str | None = None, wish: Trajectory | None = None) -> None:
        """Press a symbol on the page. Raises `InvalidSymbol`, and `InvalidInput` while a page is being written."""
        code, locus, named = parse_symbol(symbol), self.here.page_id, self.new_id()
        await self._send(
            lambda: self.client.press(
                self.session_id,
                code,
                page_id=locus,
                user_intent=words,
                trajectory=wish,
                client_request_id=named,
            )
        )

    async def ask(self, words: str) -> None:
        """Ask in words on the page."""
        locus, named = self.here.page_id, self.new_id()
        await self._send(lambda: self.client.ask(self.session_id, words, page_id=locus, client_request_id=named))

    async def again(self) -> None:
        """Press the page's symbol again where it was pressed: what comes is its sibling."""
        placement = self.here.placement
        if placement is None:
            raise InvalidInput(
                "This is a page of the book: it was not written by a press.", next_step="Press a symbol."
            )
        symbol, named = self.here.symbol_code, self.new_id()
        await self._send(
            lambda: self.client.press(self.session_id, symbol, page_id=placement.locus, client_request_id=named)
        )

    async def _send(self, call: Callable[[], Awaitable[Accepted]]) -> None:
        if self.busy:
            raise InvalidInput("A page is being written.", next_step="Wait for it, or stop it.")
        self._sending = True
        try:
            async with self._pressing:
                self._take_up((await retry_unanswered(call)).event_id)
        finally:
            self._sending = False

    @property
    def busy(self) -> bool:
        """Whether a page is being written, or a press is on its way."""
        return self._sending or self.run is not None

    async def stop(self) -> bool:
        """Stop what is being written, also a press that is on its way; tell whether there was anything."""
        async with self._pressing:
            run = self.run
        if run is None:
            return False
        await retry_unanswered(lambda: self.client.stop(self.session_id, run.press_id))
        return True

    @property
    def here(self) -> PageView:
        """The page that is open. Raises `UnknownPage` before any is."""
        if self.page is None:
            raise UnknownPage("No page is open.")
        return self.page

    async def fetch(self, page_id: str) -> PageView:
        """Return a page, without opening it."""
        return await self.client.page(page_id, session_id=self.session_id)

    async def open(self, page_id: str) -> PageView:
        """Open a page by its id."""
        self.page = await self.fetch(page_id)
        self._just_came = False
        return self.page

    async def go(self, words: str) -> PageView:
        """Open the page that an id or its beginning, a title, a number of the book or an outcome's `#7` means.

        Raises `UnknownPage`.
        """
        if words.upper() in self._places:
            return await self.open(words.upper())
        if re.fullmatch(r"#[0-9]{1,15}", words):
            return await self.open(await self._written_as(int(words[1:])))
        found = await self.client.search(words, session_id=self.session_id, limit=1)
        if not found.goto:
            raise UnknownPage(f"No page is called {words!r:.80}.", next_step=f"Search for it: search {words:.40}")
        return await self.open(found.goto[0].page_id)

    async def _written_as(self, seq: int) -> str:
        journey = await self.client.journey(self.session_id, after=max(0, seq - 1), limit=1)
        event = journey.events[0] if journey.events else None
        if not isinstance(event, PageDone) or event.seq != seq:
            raise UnknownPage(f"This journey's outcome {seq} is no page.", next_step="`pages` lists what was written.")
        return event.page_id

    async def next_page(self) -> PageView:
        """Open the page that follows: of the ring, the next one; of others, where their edges lead."""
        edges = self.here.edges
        for target in (edges.next_within, edges.loop_back_to, *edges.forks, self.here.return_to):
            if target is not None:
                return await self.open(target)
        raise UnknownPage("No page follows here.", next_step="Press a symbol, or go to a page.")

    async def previous_page(self) -> PageView:
        """Open the page before: of the ring, the previous one; of others, the one they were pressed on."""
        placement = self.here.placement
        return await self.open(placement.locus if placement else self._before(self.here.page_id))

    def _before(self, page_id: str) -> str:
        place = self._places.get(page_id)
        if self.canon is None or place is None:
            raise UnknownPage("This page is not of the ring any more.", next_step="Go to another one.")
        return self.canon.ring[place - 1].page_id

    async def return_to_ring(self) -> PageView:
        """Open the ring where the page returns to it; of a page of the ring, the ring's first."""
        target = self.here.return_to if self.here.placement else None
        if target is None and self.canon is not None:
            target = self.canon.ring[0].page_id
        return await self.open(target or self.here.page_id)

    async def open_sibling(self, step: int) -> PageView:
        """Open another page that was written at the same locus: `step` further, around."""
        told = await self.client.alternatives(self.here.page_id, session_id=self.session_id, limit=200)
        if not told.alternatives:
            raise UnknownPage("Nothing was written here yet.", next_step="Press a symbol.")
        place = (told.place or (0 if step > 0 else 1)) - 1 + step
        return await self.open(told.alternatives[place % len(told.alternatives)].page_id)


async def retry_unanswered(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call that may be made again, up to three times while the gateway is away."""
    for pause in _PAUSES:
        try:
            return await call()
        except GatewayUnreachable:
            await asyncio.sleep(pause)
        except Refused as refused:
            if refused.problem.code != PublishUnknown.code:
                raise
            await asyncio.sleep(pause)
    return await call()
