"""A reader session: the open page, the run in progress, and the reader's operations. A `Display` shows them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, TypeVar

from qdpi.api.previews import expanded
from qdpi.api.requests import Accepted
from qdpi.api.responses import CanonShape, JourneyView, PageView, Preview, RunStatus, Siblings
from qdpi.api.texts import RunText
from qdpi.client import Client, Frame, GatewayUnreachable, Refused
from qdpi.errors import InvalidInput, PublishUnknown, QdpiError, UnknownPage
from qdpi.events import PageDelta, PageDone, PageFailed
from qdpi.symbols import Trajectory, parse_symbol

T = TypeVar("T")
_PAUSES: Final = (0.3, 1.0)
"""Pauses before the second and third attempt of an unanswered call, in seconds."""


@dataclass
class ActiveRun:
    """The run in progress: its press, its phase, and the text so far.

    `words` are the reader's; `place` is its place in line; `from_before` is whether it was under way already when this
    session began.
    """

    press_id: str
    words: str = ""
    place: int = 1
    from_before: bool = False
    phase: str = "queued"
    so_far: RunText = field(default_factory=RunText)
    until: datetime | None = None
    """When a run that waits for its model's server goes on."""

    @property
    def text(self) -> str:
        """The text so far."""
        return self.so_far.text

    def take(self, delta: PageDelta) -> bool:
        """Add a delta; return whether it restarts the text. A delta after a lost one is dropped: the page has all."""
        if delta.attempt >= self.so_far.attempt:
            self.phase, self.until = delta.phase.value, delta.until
        return self.so_far.take(delta.attempt, delta.offset, delta.text)


class Display(Protocol):
    """Shows a reader session: receives its events."""

    def run_started(self, run: ActiveRun) -> None:
        """A run has started."""

    def phase_changed(self, run: ActiveRun) -> None:
        """The run has entered another phase."""

    def text_arrived(self, run: ActiveRun, piece: str, restarted: bool) -> None:
        """A piece of text arrived; with `restarted` the text so far is dropped."""

    def run_ended(self, run: ActiveRun, outcome: PageDone | PageFailed, page: PageView | None) -> None:
        """The run has its outcome, and its page unless it failed."""

    def other_run_ended(self, outcome: PageDone | PageFailed) -> None:
        """A run that was started elsewhere has its outcome."""

    def gateway_unavailable(self, error: QdpiError) -> None:
        """The gateway is unavailable; the stream will be retried."""


@dataclass
class ReaderSession:
    """A reader's session at a gateway. Methods raise the errors of `Client`, and `InvalidInput` for bad input."""

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
        """Open the book at the reader's position."""
        self.canon = await self.client.canon()
        self._places = {entry.page_id: place for place, entry in enumerate(self.canon.ring)}
        journey = await self.journey()
        place = await self.client.place(self.session_id)
        await self.open(place.page_id or self.canon.ring[0].page_id)
        self._just_came = True
        return journey

    async def journey(self) -> JourneyView:
        """Return the journey as of now, with at most one event."""
        return await self.client.journey(self.session_id, limit=1)

    async def preview(self) -> Preview:
        """Return what each symbol would do on the page."""
        return expanded(await self.client.preview_lean(self.session_id, page_id=self.here.page_id))

    async def follow(self, after: int) -> None:
        """Follow the journey's stream after a seq for ever, and notify the display."""
        stream = self.client.stream(self.session_id, after=after, on_wait=self.display.gateway_unavailable)
        async with aclosing(stream) as frames:
            async for frame in frames:
                async with self._pressing:  # wait for the answer to a press, which has the id of its run
                    await self._handle(frame)

    async def _handle(self, frame: Frame) -> None:
        if isinstance(frame, RunStatus | PageDelta):
            self._watch(frame)
        elif isinstance(frame, PageDone | PageFailed):
            await self._end(frame)

    def _watch(self, frame: RunStatus | PageDelta) -> None:
        if self.run is None and self._just_came:  # continue with a run from before this session began
            words = frame.user_intent if isinstance(frame, RunStatus) else None
            self._take_up(ActiveRun(frame.press_id, words or "", from_before=True))
        run = self.run
        if run is None or run.press_id != frame.press_id:
            return
        if isinstance(frame, PageDelta):
            before = run.phase
            restarted = run.take(frame)
            if run.phase != before:
                self.display.phase_changed(run)
            self.display.text_arrived(run, frame.text, restarted and frame.attempt > 1)
        elif (run.phase, run.until, run.place) != (frame.phase, frame.until, frame.place or run.place):
            run.phase, run.until, run.place = frame.phase, frame.until, frame.place or run.place
            self.display.phase_changed(run)

    def _take_up(self, run: ActiveRun) -> None:
        self.run, self._just_came = run, False
        self.display.run_started(run)

    async def _end(self, outcome: PageDone | PageFailed) -> None:
        if self.run is None or self.run.press_id != outcome.press_id:
            self.display.other_run_ended(outcome)
            return
        run, self.run = self.run, None
        page = await self.fetch(outcome.page_id) if isinstance(outcome, PageDone) else None
        if page is not None:
            self.page = page
            await self._keep_place(page.page_id)
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
        """Press the page's symbol again at its locus, with the same words and wish; the result is a sibling."""
        placement = self.here.placement
        if placement is None:
            raise InvalidInput(
                "This is a page of the book: it was not written by a press.", next_step="Press a symbol."
            )
        symbol, named = self.here.symbol_code, self.new_id()
        receipt = await self.client.receipt(self.here.page_id, session_id=self.session_id)
        await self._send(
            lambda: self.client.press(
                self.session_id,
                symbol,
                page_id=placement.locus,
                user_intent=receipt.user_intent or None,
                trajectory=receipt.policy.wished if receipt.policy else None,
                client_request_id=named,
            )
        )

    async def _send(self, call: Callable[[], Awaitable[Accepted]]) -> None:
        if self.busy:
            raise InvalidInput("A page is being written.", next_step="Wait for it, or stop it.")
        self._sending = True
        try:
            async with self._pressing:
                self._take_up(ActiveRun((await retry_unanswered(call)).event_id))
        finally:
            self._sending = False

    @property
    def busy(self) -> bool:
        """Whether a page is being written, or a press is being sent."""
        return self._sending or self.run is not None

    async def stop(self) -> bool:
        """Stop the run in progress, also one whose press is being sent; return whether there was one."""
        async with self._pressing:
            run = self.run
        if run is None:
            return False
        await retry_unanswered(lambda: self.client.stop(self.session_id, run.press_id))
        return True

    @property
    def here(self) -> PageView:
        """The open page. Raises `UnknownPage` if none is open."""
        if self.page is None:
            raise UnknownPage("No page is open.")
        return self.page

    async def fetch(self, page_id: str) -> PageView:
        """Return a page, without opening it."""
        return await self.client.page(page_id, session_id=self.session_id)

    async def open(self, page_id: str) -> PageView:
        """Open a page by its id."""
        page = await self.fetch(page_id)
        self.page, self._just_came = page, False
        await self._keep_place(page_id)
        return page

    async def _keep_place(self, page_id: str) -> None:
        """Tell the gateway where the reader reads; reading goes on where that cannot be kept now."""
        try:
            await self.client.set_place(self.session_id, page_id)
        except (GatewayUnreachable, Refused) as error:
            self.display.gateway_unavailable(error)

    async def go(self, words: str) -> PageView:
        """Open a page by its id or a prefix of it, its title, its number in the book, or an outcome's `#7`.

        Raises `UnknownPage`.
        """
        if words.upper() in self._places:
            return await self.open(words.upper())
        if re.fullmatch(r"#[0-9]{1,15}", words):
            return await self.open(await self._written_as(int(words[1:])))
        found = await self.client.search(words, session_id=self.session_id, limit=1)
        if not found.goto:
            raise UnknownPage(f"No page matches {words!r:.80}.", next_step=f"Search for it: search {words:.40}")
        return await self.open(found.goto[0].page_id)

    async def _written_as(self, seq: int) -> str:
        journey = await self.client.journey(self.session_id, after=max(0, seq - 1), limit=1)
        event = journey.events[0] if journey.events else None
        if not isinstance(event, PageDone) or event.seq != seq:
            raise UnknownPage(f"This journey's outcome {seq} is no page.", next_step="`pages` lists what was written.")
        return event.page_id

    async def next_page(self) -> PageView:
        """Open the next page: on the ring, the following one; elsewhere, the target of the page's edges."""
        edges = self.here.edges
        for target in (edges.next_within, edges.loop_back_to, *edges.forks, self.here.return_to):
            if target is not None:
                return await self.open(target)
        raise UnknownPage("No page follows here.", next_step="Press a symbol, or go to a page.")

    async def previous_page(self) -> PageView:
        """Open the previous page: on the ring, the preceding one; elsewhere, the page's locus."""
        placement = self.here.placement
        return await self.open(placement.locus if placement else self._before(self.here.page_id))

    def _before(self, page_id: str) -> str:
        place = self._places.get(page_id)
        if self.canon is None or place is None:
            raise UnknownPage("This page is no longer on the ring.", next_step="Go to another page.")
        return self.canon.ring[place - 1].page_id

    async def return_to_ring(self) -> PageView:
        """Open the page of the ring that this page returns to; from a page of the ring, the ring's first."""
        target = self.here.return_to if self.here.placement else None
        if target is None and self.canon is not None:
            target = self.canon.ring[0].page_id
        return await self.open(target or self.here.page_id)

    async def open_sibling(self, step: int) -> PageView:
        """Open the next page written at the same locus, or for a negative step the one before, wrapping around."""
        found = await self.siblings()
        forwards, backwards = (found.next or found.first), (found.previous or found.last)
        target = forwards if step > 0 else backwards
        if target is None:
            raise UnknownPage("Nothing was written here yet.", next_step="Press a symbol.")
        return await self.open(target)

    async def siblings(self) -> Siblings:
        """Return the open page's place among the pages at its locus; of a page of the book, the pages written at it."""
        return await self.client.siblings(self.here.page_id, session_id=self.session_id)


async def retry_unanswered(call: Callable[[], Awaitable[T]]) -> T:
    """Make an idempotent call, up to three times while the gateway does not answer."""
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
