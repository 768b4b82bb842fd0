"""The presses of each journey that wait for an answer, as one gateway knows of them."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection
from typing import Final

KEPT_JOURNEYS: Final = 50_000
KEPT_ANSWERED: Final = 50_000


class PendingPresses:
    """Presses by journey, at most `limit` each; bounded in journeys, the least recent forgotten first.

    `of_address` counts those that came from an address to this gateway. What was answered is remembered for a
    while: a press may be heard of after its answer.
    """

    def __init__(self, limit: int, *, journeys: int = KEPT_JOURNEYS, answered: int = KEPT_ANSWERED) -> None:
        self.limit = limit
        self._journeys, self._answered_kept = journeys, answered
        self._presses: OrderedDict[str, set[str]] = OrderedDict()
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._addresses: dict[str, str] = {}
        self._of_address: Counter[str] = Counter()

    def add(self, journey: str, press_id: str, address: str | None = None) -> bool:
        """Count a press, once however often it is heard of; False where the journey has no room for it."""
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
                self._leave(each)
        return True

    def answer(self, journey: str, press_id: str) -> None:
        """Take a press out, and remember that it was answered."""
        self.discard(journey, press_id)
        self._answered[press_id] = None
        while len(self._answered) > self._answered_kept:
            self._answered.popitem(last=False)

    def discard(self, journey: str, press_id: str) -> None:
        """Take a press out that was never taken."""
        presses = self._presses.get(journey, set())
        presses.discard(press_id)
        self._leave(press_id)
        if not presses:
            self._presses.pop(journey, None)

    def of_address(self, address: str) -> int:
        """Return how many presses from an address wait."""
        return self._of_address[address]

    def forget_addresses(self) -> None:
        """Count anew what waits from each address, because answers may have been missed."""
        self._addresses.clear()
        self._of_address.clear()

    def _leave(self, press_id: str) -> None:
        address = self._addresses.pop(press_id, None)
        if address is not None:
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]

    def answered(self, press_id: str) -> bool:
        """Tell whether a press was answered lately."""
        return press_id in self._answered

    def of(self, journey: str) -> Collection[str]:
        """Return the presses that wait in a journey."""
        return frozenset(self._presses.get(journey, ()))
