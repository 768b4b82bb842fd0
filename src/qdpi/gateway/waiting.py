"""The presses of each journey that wait for an answer, as one gateway knows of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Final

KEPT_JOURNEYS: Final = 50_000
KEPT_ANSWERED: Final = 50_000


class Waiting:
    """Presses by journey, at most `limit` each; bounded in journeys, the least recent forgotten first.

    What was answered is remembered for a while: a press may be heard of after its answer.
    """

    def __init__(self, limit: int, *, journeys: int = KEPT_JOURNEYS, answered: int = KEPT_ANSWERED) -> None:
        self.limit = limit
        self._journeys, self._answered_kept = journeys, answered
        self._presses: OrderedDict[str, set[str]] = OrderedDict()
        self._answered: OrderedDict[str, None] = OrderedDict()

    def add(self, journey: str, press_id: str) -> bool:
        """Count a press, once however often it is heard of; False where the journey has no room for it."""
        if press_id in self._answered:
            return True
        presses = self._presses.setdefault(journey, set())
        self._presses.move_to_end(journey)
        if press_id not in presses and len(presses) >= self.limit:
            return False
        presses.add(press_id)
        while len(self._presses) > self._journeys:
            self._presses.popitem(last=False)
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
        if not presses:
            self._presses.pop(journey, None)

    def answered(self, press_id: str) -> bool:
        """Tell whether a press was answered lately."""
        return press_id in self._answered

    def of(self, journey: str) -> Collection[str]:
        """Return the presses that wait in a journey."""
        return frozenset(self._presses.get(journey, ()))
