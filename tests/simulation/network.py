"""The network between simulated processes and servers: delays, losses and outages, drawn from a seed.

A call is a request, its effect at the server in one instant, and an answer. Between these other tasks run, and
the caller may freeze or die. A request may be refused (no effect), its answer may be lost (the effect took
place), and it may arrive long after its caller has timed out.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from random import Random
from typing import Final, Protocol, TypeVar

T = TypeVar("T")
SERVER: Final = Context()
"""The context of servers: outside all processes, so that they neither freeze nor die with one."""


class Fate(StrEnum):
    """The fate of a call."""

    ANSWERED = "answered"
    SLOW = "slow"
    """Answered after a long time."""
    REFUSED = "refused"
    """Fails without an effect."""
    UNANSWERED = "unanswered"
    """Fails after its effect."""
    LATE = "late"
    """Fails, and its effect follows later."""
    CUT = "cut"
    """Fails because the server is cut off."""


@dataclass(frozen=True, slots=True)
class Weather:
    """State of the network: `leg` is the usual longest one-way delay in seconds; `patience` is the timeout
    of a caller in seconds; the others are probabilities.
    """

    leg: float = 0.0
    slow: float = 0.0
    refused: float = 0.0
    unanswered: float = 0.0
    late: float = 0.0
    patience: float = 0.5

    @property
    def chances(self) -> tuple[tuple[Fate, float], ...]:
        """The fates other than `ANSWERED`, with their probabilities."""
        return (
            (Fate.SLOW, self.slow),
            (Fate.REFUSED, self.refused),
            (Fate.UNANSWERED, self.unanswered),
            (Fate.LATE, self.late),
        )


CALM: Final = Weather()


class Caller(Protocol):
    """A process as the network sees it."""

    name: str
    alive: bool
    frozen: bool

    def called(self, name: str) -> None:
        """Note a call just before it is sent."""
        ...


@dataclass
class Network:
    """All connections of a simulation. `trace` is a hash of all calls, so equal runs have equal traces."""

    chance: Random
    weather: Weather = CALM
    unreachable: set[str] = field(default_factory=set)
    """The servers that are cut off."""
    fates: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    quiet_at: float = 0.0
    """When the last late request will have arrived."""
    _trace: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=8))

    def note(self, *what: object) -> None:
        """Add an event to the trace."""
        now = asyncio.get_running_loop().time()
        self._trace.update(f"{now:.9f} {' '.join(map(str, what))}\n".encode())

    @property
    def trace(self) -> str:
        """The hash of all events so far."""
        return self._trace.hexdigest()

    def fate(self, server: str) -> Fate:
        """Draw the fate of a call."""
        if server in self.unreachable:
            return Fate.CUT
        drawn = self.chance.random()
        for fate, chance in self.weather.chances:
            if drawn < chance:
                return fate
            drawn -= chance
        return Fate.ANSWERED

    def leg(self) -> float:
        """Draw a one-way delay: often none, mostly short, seldom twenty times as long."""
        drawn = self.chance.random()
        if drawn < 0.3:
            return 0.0
        return self.weather.leg * self.chance.random() * (20.0 if drawn > 0.98 else 1.0)


class Line:
    """The connection of a process to a server. A connection without a caller has no delays and no faults."""

    def __init__(self, network: Network, server: str, caller: Caller | None = None) -> None:
        self.network, self.server, self.caller = network, server, caller

    async def ask(
        self,
        name: str,
        effect: Callable[[], T],
        lost: Callable[[Fate, str], Exception],
        *,
        may_lose_answer: bool = True,
    ) -> T:
        """Apply `effect` at the server and return its result; raises `lost` if no answer arrives.

        With `may_lose_answer` false a call that fails has no effect.
        """
        if self.caller is None:
            return effect()
        self.caller.called(name)
        if self.caller.frozen:
            await asyncio.sleep(0)
        self.check_alive()
        fate = self._drawn(name, may_lose_answer=may_lose_answer)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._send(fate, effect, answer, lambda: lost(fate, name))
        return await answer

    def _send(
        self, fate: Fate, effect: Callable[[], T], answer: asyncio.Future[T], lost: Callable[[], Exception]
    ) -> None:
        network = self.network
        there = self._long() if fate is Fate.SLOW else network.leg()

        def arrive() -> None:
            if self._is_swallowed():
                return
            try:
                result = effect()
            except Exception as refusal:
                reply(partial(answer.set_exception, refusal))
            else:
                reply(partial(answer.set_result, result))

        def reply(give: Callable[[], object]) -> None:
            if fate in {Fate.ANSWERED, Fate.SLOW}:
                _later(network.leg(), lambda: None if answer.done() else give())

        def give_up() -> None:
            if not answer.done():
                answer.set_exception(lost())

        match fate:
            case Fate.ANSWERED | Fate.SLOW:
                _later(there, arrive)
            case Fate.REFUSED | Fate.CUT:
                _later(there, give_up)
            case Fate.UNANSWERED:
                _later(there, arrive)
                _later(there + self._long(), give_up)
            case Fate.LATE:
                given_up = there + self._long()
                arrives = given_up + self._long()
                network.quiet_at = max(network.quiet_at, asyncio.get_running_loop().time() + arrives)
                _later(given_up, give_up)
                _later(arrives, arrive)

    def _long(self) -> float:
        return self.network.weather.patience * self.network.chance.random()

    def _is_swallowed(self) -> bool:
        # A request sent just before the death of its process may or may not have left the machine.
        return self.caller is not None and not self.caller.alive and self.network.chance.random() < 0.5

    def _drawn(self, name: str, *, may_lose_answer: bool) -> Fate:
        self.network.calls += 1
        fate = self.network.fate(self.server)
        if not may_lose_answer and fate in {Fate.UNANSWERED, Fate.LATE}:
            fate = Fate.REFUSED
        if fate is not Fate.ANSWERED:
            self.network.fates[f"{fate}"] += 1
        self.network.note(self.caller.name if self.caller else "-", self.server, name, fate)
        return fate

    @property
    def is_cut(self) -> bool:
        """Whether the server is cut off."""
        return self.server in self.network.unreachable

    def check_alive(self) -> None:
        """Raise `CancelledError` if the caller is dead, so that its remaining calls have no effect."""
        if self.caller is not None and not self.caller.alive:
            raise asyncio.CancelledError("The process is dead.")


def _later(delay: float, work: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    if delay <= 0:
        loop.call_soon(work, context=SERVER)
    else:
        loop.call_later(delay, work, context=SERVER)
