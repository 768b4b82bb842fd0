"""The runs under way of a journey: which presses wait or are being answered, known to any gateway at any moment.

A gateway learns of presses and outcomes by its tap. What was pressed before the tap began is in the events log.
"""

from __future__ import annotations

from typing import Final

from qdpi.events import Ask, Press, decode_press
from qdpi.gateway.streams.pending import PendingPresses
from qdpi.ids import request_id
from qdpi.store.ports import PageStore

_PRESSES: Final = (Press.topic, Ask.topic)
_NEWEST: Final = 64
"""How many of the newest presses of each kind may lack an outcome; a journey may have 32 presses waiting."""
_ANSWERS: Final = 2 * len(_PRESSES) * _NEWEST


async def add_earlier_presses(journey: str, pending: PendingPresses, store: PageStore) -> None:
    """Add a journey's presses without an outcome to those known by the tap, and remove those that have one.

    Reads nothing where that was done since the tap began. Raises `StoreUnavailable`.
    """
    if pending.complete(journey):
        return
    logged = [entry for topic in _PRESSES for entry in await store.newest(journey, topic, _NEWEST)]
    presses = [decode_press(entry.type, entry.payload_json.encode()) for entry in logged]
    unknown = [press_id for press_id in pending.of(journey) if press_id not in {p.event_id for p in presses}]
    head = await store.head(journey)
    answers = await store.tree(journey, max(0, head - _ANSWERS), head)
    answered = {row.request_id for row in answers}
    # An outcome is later than its press, so that an earlier press may have an outcome before those that were read.
    since = answers[0].ts if answers and answers[0].seq > 1 else None
    waiting = []
    for press in sorted(presses, key=lambda press: (press.ts, press.event_id)):
        is_answered = request_id(press.event_id) in answered
        if not is_answered and since is not None and press.ts < since:
            is_answered = await store.outcome(journey, request_id(press.event_id)) is not None
        if is_answered:
            pending.answer(journey, press.event_id)
        else:
            waiting.append(press)
    for press_id in unknown:
        if request_id(press_id) in answered:
            pending.answer(journey, press_id)
    pending.add_earlier(journey, waiting)
