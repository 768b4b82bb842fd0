"""Taking a press: its locus, its id, its place among those that wait, and the bus's acknowledgement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

from qdpi.api.requests import Accepted, AskBody, PressBody, StopBody
from qdpi.canon.editions import find_locus
from qdpi.errors import BusUnavailable, PublishUnknown, TooManyWaiting
from qdpi.events import Ask, Event, Press, Stop, reader_fields
from qdpi.gateway.context import Exchange, Gateway, current_edition
from qdpi.gateway.problems import refusal_of
from qdpi.gateway.streams.pending import PendingPresses
from qdpi.ids import derived_id, press_id, request_id
from qdpi.observability.tracing import continued
from qdpi.page_schema import Page

_NOTHING_TAKEN: Final = "Nothing was taken: send it again in a moment; see /readyz."
RETRY: Final = PublishUnknown.default_next_step
_STOP_AGAIN: Final = "Send the same stop again: it is one event."
_LOOK: Final = (
    "Look for this event_id in the journey before you press again; with a client_request_id a retry is always safe."
)


@dataclass(frozen=True, slots=True)
class Named:
    """A journey's event before it is made: where it goes, and the name its client gave it."""

    journey: str
    kind: str
    client_request_id: str | None

    def event_id(self, gateway: Gateway) -> str:
        """Return its id: a random one, or the one that its client's name stands for."""
        if self.client_request_id is None:
            return gateway.system.new_id()
        return press_id(self.journey, self.kind, self.client_request_id)


async def press_of(gateway: Gateway, journey: str, body: PressBody, kind: str = "press") -> Press:
    """Return the press that a body asks for. Raises `UnknownPage` where nobody of the journey can stand."""
    await _check_locus(gateway, journey, body.page_id)
    return Press(
        event_id=Named(journey, kind, body.client_request_id).event_id(gateway),
        ts=gateway.system.now(),
        session_id=journey,
        symbol_code=body.symbol_code,
        page_id=body.page_id,
        **reader_fields(body),
        client_request_id=body.client_request_id,
    )


async def ask_of(gateway: Gateway, journey: str, body: AskBody) -> Ask:
    """Return the ask that a body asks for. Raises `UnknownPage` where nobody of the journey can stand."""
    await _check_locus(gateway, journey, body.page_id)
    return Ask(
        event_id=Named(journey, "ask", body.client_request_id).event_id(gateway),
        ts=gateway.system.now(),
        session_id=journey,
        **reader_fields(body),
        page_id=body.page_id,
        client_request_id=body.client_request_id,
    )


async def _check_locus(gateway: Gateway, journey: str, page_id: str | None) -> None:
    # A page of an edition in memory can be stood on whichever edition is current; the enricher asks for that.
    if page_id is not None and gateway.system.editions.loaded(page_id) is None:
        await find_locus(await current_edition(gateway), gateway.system.store, page_id, journey)


async def accept(gateway: Gateway, exchange: Exchange, press: Press | Ask, parent: str | None) -> Accepted:
    """Publish a press once. `parent` is the trace it belongs to. Raises what it is refused with."""
    exchange.event_id = press.event_id
    accepted = Accepted(event_id=press.event_id, request_id=request_id(press.event_id))
    if await _is_answered(gateway, press):
        return accepted
    with await _admitted(gateway, exchange.address, press):
        when_unknown = RETRY if press.client_request_id else _LOOK
        await publish(gateway, press, parent, when_unknown, request_id=accepted.request_id)
    gateway.system.metrics.presses.labels("ask" if isinstance(press, Ask) else "press").inc()
    return accepted


async def _is_answered(gateway: Gateway, press: Press | Ask) -> bool:
    if press.client_request_id is None:
        return False
    answer = await gateway.system.store.outcome(press.session_id, request_id(press.event_id))
    return answer is not None


async def _admitted(gateway: Gateway, address: str, press: Press | Ask) -> AbstractContextManager[None]:
    """Count a press among those that wait; what fails in the block that follows takes it out again."""
    pending, most = gateway.hub.pending, gateway.system.settings.address_waiting
    if press.event_id in pending.of(press.session_id):
        return nullcontext()
    if pending.of_address(address) >= most:
        raise TooManyWaiting(f"This address has {most:,} presses waiting, and may have no more.")
    if not pending.add(press.session_id, press.event_id, address):
        await _forget_answered(gateway, press.session_id)
        if not pending.add(press.session_id, press.event_id, address):
            raise TooManyWaiting(f"This journey has {pending.limit} presses waiting, and may have no more.")
    return _counted(pending, press)


@contextmanager
def _counted(pending: PendingPresses, press: Press | Ask) -> Iterator[None]:
    try:
        yield
    except BaseException:
        pending.discard(press.session_id, press.event_id)
        raise


async def _forget_answered(gateway: Gateway, journey: str) -> None:
    """Take out what was answered unheard, while the bus was away."""
    store, pending = gateway.system.store, gateway.hub.pending
    last = await store.last_outcome(journey)
    newest = max(0, last.seq - 2 * pending.limit) if last else 0
    for outcome in await store.outcomes(journey, after=newest):
        pending.answer(journey, outcome.event.press_id)


async def publish(
    gateway: Gateway,
    event: Event,
    parent: str | None,
    when_unknown: str,
    *,
    about: Page | None = None,
    **members: str,
) -> None:
    """Publish an event. Raises a refusal that says whether it may have been taken, and what to do.

    `about` is the page it is of, for its headers; `members` are what a refusal names beside the event's id.
    """
    try:
        with continued(parent, event.event_id):
            await gateway.system.publisher.publish(event, about)
    except PublishUnknown as error:
        unknown = PublishUnknown(error.detail, next_step=when_unknown)
        raise refusal_of(unknown, event_id=event.event_id, **members) from error
    except BusUnavailable as error:
        raise refusal_of(BusUnavailable(error.detail, next_step=_NOTHING_TAKEN)) from error


async def stop(gateway: Gateway, exchange: Exchange, journey: str, body: StopBody, parent: str | None) -> Accepted:
    """Publish the stop of a press; stopping it again is the same event."""
    event = Stop(
        event_id=derived_id("event", journey, "stop", body.event_id),
        ts=gateway.system.now(),
        session_id=journey,
        cause_id=body.event_id,
        press_id=body.event_id,
    )
    exchange.event_id = event.event_id
    accepted = Accepted(event_id=event.event_id, request_id=request_id(body.event_id))
    await publish(gateway, event, parent, _STOP_AGAIN, request_id=accepted.request_id)
    return accepted
