"""The presses of each journey without an outcome yet, as far as this gateway knows."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Final

from qdpi.events import Ask, Press

KEPT_JOURNEYS: Final = 50_000
KEPT_ANSWERED: Final = 50_000


class PendingPresses:
    """Pending presses by journey, at most `limit` each. The least recent journeys are forgotten first.

    `of_address` counts the presses that an address sent to this gateway. Answered presses are remembered for a
    while, because a press can arrive on the tap after its outcome. A journey is `complete` once the presses from before
    this gateway's tap were added.
    """

    def __init__(self, limit: int, *, journeys: int = KEPT_JOURNEYS, answered: int = KEPT_ANSWERED) -> None:
        self.limit = limit
        self._journeys, self._answered_kept = journeys, answered
        self._presses: OrderedDict[str, dict[str, Press | Ask | None]] = OrderedDict()
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._complete: OrderedDict[str, None] = OrderedDict()
        self._addresses: dict[str, str] = {}
        self._of_address: Counter[str] = Counter()

    def add(self, press: Press | Ask, address: str | None = None) -> bool:
        """Count a press, once even if it arrives repeatedly; return False if the journey is at its limit."""
        if press.event_id in self._answered:
            return True
        if not self._put(press.session_id, press.event_id, press):
            return False
        if address is not None and press.event_id not in self._addresses:
            self._addresses[press.event_id] = address
            self._of_address[address] += 1
        return True

    def note(self, journey: str, press_id: str) -> bool:
        """Count a press of which only its run was seen; return whether it was not known.

        The journey is then no longer complete: its log may have the press.
        """
        if press_id in self._answered or press_id in self._presses.get(journey, {}):
            return False
        self._complete.pop(journey, None)
        return self._put(journey, press_id, None)

    def add_earlier(self, journey: str, presses: Iterable[Press | Ask]) -> None:
        """Count the presses from before this gateway's tap, in their order; the journey is complete then."""
        known = self._presses.pop(journey, {})
        earlier = [press for press in presses if known.get(press.event_id) is None]
        for press in earlier:
            if press.event_id not in self._answered:
                self._put(journey, press.event_id, press)
        for press_id, one in known.items():
            self._put(journey, press_id, one)
        self._complete[journey] = None
        while len(self._complete) > self._journeys:
            self._complete.popitem(last=False)

    def _put(self, journey: str, press_id: str, press: Press | Ask | None) -> bool:
        presses = self._presses.setdefault(journey, {})
        self._presses.move_to_end(journey)
        if press_id not in presses and len(presses) >= self.limit:
            return False
        presses[press_id] = press or presses.get(press_id)
        while len(self._presses) > self._journeys:
            forgotten, left = self._presses.popitem(last=False)
            self._complete.pop(forgotten, None)
            for each in left:
                self._uncount(each)
        return True

    def answer(self, journey: str, press_id: str) -> None:
        """Remove a press and remember that it was answered."""
        self.discard(journey, press_id)
        self._answered[press_id] = None
        while len(self._answered) > self._answered_kept:
            self._answered.popitem(last=False)

    def discard(self, journey: str, press_id: str) -> None:
        """Remove a press that was not published."""
        presses = self._presses.get(journey, {})
        presses.pop(press_id, None)
        self._uncount(press_id)
        if not presses:
            self._presses.pop(journey, None)

    def restart(self) -> None:
        """Regard no journey as complete and reset addresses' counts: presses and outcomes may have been missed."""
        self._complete.clear()
        self._addresses.clear()
        self._of_address.clear()

    def of_address(self, address: str) -> int:
        """Return how many presses of an address are pending."""
        return self._of_address[address]

    def _uncount(self, press_id: str) -> None:
        address = self._addresses.pop(press_id, None)
        if address is not None:
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]

    def answered(self, press_id: str) -> bool:
        """Return whether a press was answered recently."""
        return press_id in self._answered

    def complete(self, journey: str) -> bool:
        """Return whether a journey's presses from before this gateway's tap were added."""
        return journey in self._complete

    def of(self, journey: str) -> dict[str, Press | Ask | None]:
        """Return the pending presses of a journey by their id, in order; None where only the run was seen."""
        return dict(self._presses.get(journey, {}))
