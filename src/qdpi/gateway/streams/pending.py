"""The presses of each journey without an outcome yet, as far as this gateway knows."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection
from typing import Final

KEPT_JOURNEYS: Final = 50_000
KEPT_ANSWERED: Final = 50_000


class PendingPresses:
    """Pending presses by journey, at most `limit` each. The least recent journeys are forgotten first.

    `of_address` counts the presses that an address sent to this gateway. Answered presses are remembered for a
    while, because a press can arrive on the tap after its outcome.
    """

    def __init__(self, limit: int, *, journeys: int = KEPT_JOURNEYS, answered: int = KEPT_ANSWERED) -> None:
        self.limit = limit
        self._journeys, self._answered_kept = journeys, answered
        self._presses: OrderedDict[str, set[str]] = OrderedDict()
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._addresses: dict[str, str] = {}
        self._of_address: Counter[str] = Counter()

    def add(self, journey: str, press_id: str, address: str | None = None) -> bool:
        """Count a press, once even if it arrives repeatedly; return False if the journey is at its limit."""
        if press_id in self._answered:
            return True
        presses = self._presses.setdefault(journey, set())
        self._presses.move_to_end(journey)
        if press_id not in presses and len(presses) >= self.limit:
            return False
        presses.add(press_id)
        if address is not None and press_id not in self._addresses:
            self._addresses[press_id] = address
            self._of_address[address] += 1
        while len(self._presses) > self._journeys:
            _, forgotten = self._presses.popitem(last=False)
            for each in forgotten:
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
        presses = self._presses.get(journey, set())
        presses.discard(press_id)
        self._uncount(press_id)
        if not presses:
            self._presses.pop(journey, None)

    def of_address(self, address: str) -> int:
        """Return how many presses of an address are pending."""
        return self._of_address[address]

    def forget_addresses(self) -> None:
        """Reset the counts of all addresses, because outcomes may have been missed."""
        self._addresses.clear()
        self._of_address.clear()

    def _uncount(self, press_id: str) -> None:
        address = self._addresses.pop(press_id, None)
        if address is not None:
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]

    def answered(self, press_id: str) -> bool:
        """Return whether a press was answered recently."""
        return press_id in self._answered

    def of(self, journey: str) -> Collection[str]:
        """Return the pending presses of a journey."""
        return frozenset(self._presses.get(journey, ()))
