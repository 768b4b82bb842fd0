"""The network between simulated processes and the servers they call: slow, lossy, cut, and always by a seed.

A call is a request, its effect at the server in one instant, and an answer. Between them lies time, in which
others get their turn and the caller may freeze or die. A request may be refused (nothing was done), its answer
may be lost (it was done), and it may arrive long after its sender gave it up.
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
"""Where servers run: outside all processes, whose freezing and dying they do not share."""


class Fate(StrEnum):
    """What becomes of a call."""

    ANSWERED = "answered"
    SLOW = "slow"
    """It is answered, after a long time."""
    REFUSED = "refused"
    """It fails, and nothing was done."""
    UNANSWERED = "unanswered"
    """It fails, and it was done."""
    LATE = "late"
    """It fails, and it is done after that."""
    CUT = "cut"
    """It fails, for the server is away."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How the network is: `leg` is the usual longest time of one way in seconds, the others are chances.

    `patience` is after how many seconds a caller gives up.
    """

    leg: float = 0.0
    slow: float = 0.0
    refused: float = 0.0
    unanswered: float = 0.0
    late: float = 0.0
    patience: float = 0.5

    @property
    def troubles(self) -> tuple[tuple[Fate, float], ...]:
        """The fates that are not the usual one, with their chances."""
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
        """Hear of a call just before it is sent."""
        ...


@dataclass
class Network:
    """All lines of a simulation. `trace` is a hash of all calls: the same for the same run, and only for it."""

    chance: Random
    weather: Weather = CALM
    away: set[str] = field(default_factory=set)
    """The servers that are away."""
    fates: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    quiet_at: float = 0.0
    """When the last request that is under way will have arrived."""
    _trace: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=8))

    def note(self, *what: object) -> None:
        """Put what happened into the trace."""
        now = asyncio.get_running_loop().time()
        self._trace.update(f"{now:.9f} {' '.join(map(str, what))}\n".encode())

    @property
    def trace(self) -> str:
        """The hash of all that happened so far."""
        return self._trace.hexdigest()

    def fate(self, server: str) -> Fate:
        """Draw what becomes of a call."""
        if server in self.away:
            return Fate.CUT
        drawn = self.chance.random()
        for fate, chance in self.weather.troubles:
            if drawn < chance:
                return fate
            drawn -= chance
        return Fate.ANSWERED

    def leg(self) -> float:
        """Draw the time of one way: often next to nothing, mostly short, seldom twenty times as long."""
        drawn = self.chance.random()
        if drawn < 0.3:
            return 0.0
        return self.weather.leg * self.chance.random() * (20.0 if drawn > 0.98 else 1.0)


class Line:
    """A process's line to a server. Without a caller it belongs to whoever looks on, and nothing happens to it."""

    def __init__(self, network: Network, server: str, caller: Caller | None = None) -> None:
        self.network, self.server, self.caller = network, server, caller

    async def ask(
        self, name: str, effect: Callable[[], T], lost: Callable[[Fate, str], Exception], *, told: bool = True
    ) -> T:
        """Have the server do something and return its answer; raises `lost` of it where none comes.

        A call that is not `told` happens or does not: its answer is never lost.
        """
        if self.caller is None:
            return effect()
        self.caller.called(name)
        if self.caller.frozen:
            await asyncio.sleep(0)
        self.check_alive()
        fate = self._drawn(name, told=told)
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
        # What a process sent before it died may have left its machine, or not.
        return self.caller is not None and not self.caller.alive and self.network.chance.random() < 0.5

    def _drawn(self, name: str, *, told: bool) -> Fate:
        self.network.calls += 1
        fate = self.network.fate(self.server)
        if not told and fate in {Fate.UNANSWERED, Fate.LATE}:
            fate = Fate.REFUSED
        if fate is not Fate.ANSWERED:
            self.network.fates[f"{fate}"] += 1
        self.network.note(self.caller.name if self.caller else "-", self.server, name, fate)
        return fate

    @property
    def is_cut(self) -> bool:
        """Whether the server is away."""
        return self.server in self.network.away

    def check_alive(self) -> None:
        """Raise `CancelledError` for a caller that is dead: what its code still attempts is not done."""
        if self.caller is not None and not self.caller.alive:
            raise asyncio.CancelledError("The process is dead.")


def _later(delay: float, work: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    if delay <= 0:
        loop.call_soon(work, context=SERVER)
    else:
        loop.call_later(delay, work, context=SERVER)
