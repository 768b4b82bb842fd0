"""Accepts presses, asks and stops: check the locus, derive the id, count as pending, publish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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

_NOTHING_ACCEPTED: Final = "Nothing was accepted: send it again in a moment; see /readyz."
RETRY: Final = PublishUnknown.default_next_step
_STOP_AGAIN: Final = "Send the same stop again: it is one event."
_LOOK: Final = (
    "Look for this event_id in the journey before you press again; with a client_request_id a retry is always safe."
)


def event_id_of(gateway: Gateway, journey: str, kind: str, client_request_id: str | None) -> str:
    """Return the id of a journey's event: derived from the client's request id, random without one."""
    if client_request_id is None:
        return gateway.system.new_id()
    return press_id(journey, kind, client_request_id)


async def press_of(gateway: Gateway, journey: str, body: PressBody, kind: str = "press") -> Press:
    """Return the press of a request body. Raises `UnknownPage` for a locus that the journey cannot be at."""
    await _check_locus(gateway, journey, body.page_id)
    return Press(
        event_id=event_id_of(gateway, journey, kind, body.client_request_id),
        ts=gateway.system.now(),
        session_id=journey,
        symbol_code=body.symbol_code,
        page_id=body.page_id,
        **reader_fields(body),
        client_request_id=body.client_request_id,
    )


async def ask_of(gateway: Gateway, journey: str, body: AskBody) -> Ask:
    """Return the ask of a request body. Raises `UnknownPage` for a locus that the journey cannot be at."""
    await _check_locus(gateway, journey, body.page_id)
    return Ask(
        event_id=event_id_of(gateway, journey, "ask", body.client_request_id),
        ts=gateway.system.now(),
        session_id=journey,
        **reader_fields(body),
        page_id=body.page_id,
        client_request_id=body.client_request_id,
    )


async def _check_locus(gateway: Gateway, journey: str, page_id: str | None) -> None:
    # A page of any loaded edition is a valid locus, also when the edition is no longer current: the enricher checks.
    if page_id is not None and gateway.system.editions.loaded(page_id) is None:
        await find_locus(await current_edition(gateway), gateway.system.store, page_id, journey)


async def accept(gateway: Gateway, exchange: Exchange, press: Press | Ask, parent: str | None) -> Accepted:
    """Publish a press or ask once; `parent` is its trace context.

    Raises `TooManyWaiting`, or a refusal when the bus is unavailable or does not confirm.
    """
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
    """Count a press as pending. If the block that follows fails, it is removed again."""
    pending, most = gateway.hub.pending, gateway.system.settings.address_waiting
    if press.event_id in pending.of(press.session_id):
        return nullcontext()
    if pending.of_address(address) >= most:
        raise TooManyWaiting(f"This address has {most:,} presses pending, which is the limit.")
    if not pending.add(press, address):
        await _forget_answered(gateway, press.session_id)
        if not pending.add(press, address):
            raise TooManyWaiting(f"This journey has {pending.limit} presses pending, which is the limit.")
    return _counted(pending, press)


@contextmanager
def _counted(pending: PendingPresses, press: Press | Ask) -> Iterator[None]:
    try:
        yield
    except BaseException:
        pending.discard(press.session_id, press.event_id)
        raise


async def _forget_answered(gateway: Gateway, journey: str) -> None:
    """Remove the pending presses that were answered while the bus was unavailable."""
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
    """Publish an event. Raises a refusal that says whether the event may have been accepted, and what to do.

    `about` is the event's page, for its headers; `members` are added to the problem beside the event's id.
    """
    try:
        with continued(parent, event.event_id):
            await gateway.system.publisher.publish(event, about)
    except PublishUnknown as error:
        unknown = PublishUnknown(error.detail, next_step=when_unknown)
        raise refusal_of(unknown, event_id=event.event_id, **members) from error
    except BusUnavailable as error:
        raise refusal_of(BusUnavailable(error.detail, next_step=_NOTHING_ACCEPTED)) from error


async def stop(gateway: Gateway, exchange: Exchange, journey: str, body: StopBody, parent: str | None) -> Accepted:
    """Publish the stop of a press. Repeated stops are one event."""
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
