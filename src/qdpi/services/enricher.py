"""The enricher: turns a press or an ask into a request for a page. It never writes an outcome."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from qdpi.bus.middleware.retry import GiveUp
from qdpi.bus.port import Record
from qdpi.bus.publisher import Publisher
from qdpi.canon.edition import Edition
from qdpi.canon.editions import Editions, find_locus
from qdpi.errors import UnknownPage
from qdpi.events import (
    Ask,
    Fault,
    Id,
    PageRequest,
    Press,
    ReaderInput,
    Session,
    body_of,
    decode_press,
    fault_of,
    reader_fields,
)
from qdpi.ids import request_id
from qdpi.language.port import LanguageModel
from qdpi.page_schema import Page
from qdpi.policy import Situation, choose
from qdpi.services.workers import ServiceWorker, consume
from qdpi.store.ports import PageStore
from qdpi.symbols import Trajectory, decode_symbol, encode_symbol, profile_of
from qdpi.system import System
from qdpi.topology import ENRICHER

ASK_USER = 10
"""The behaviour of an ask without a symbol."""

_SESSION: TypeAdapter[str] = TypeAdapter(Session)
_ID: TypeAdapter[str] = TypeAdapter(Id)


class PressName(NamedTuple):
    """What identifies a press: its journey and its id."""

    journey: str
    press: str


def press_named(record: Record) -> PressName | None:
    """Return the journey and the press that a record's body names, None where it names no valid ones.

    Such a record becomes a dead letter without a request, whatever its headers say.
    """
    body = body_of(record.value)
    try:
        return PressName(_SESSION.validate_python(body["session_id"]), _ID.validate_python(body["event_id"]))
    except (KeyError, ValidationError):
        return None


class Enricher:
    """Adds to a press what its request needs: symbol, section, context and the canon's revision.

    `redact` hides secrets in the text of an error.
    """

    def __init__(
        self, store: PageStore, editions: Editions, publisher: Publisher, redact: Callable[[str], str]
    ) -> None:
        self._store, self._editions, self._publisher, self._redact = store, editions, publisher, redact

    async def __call__(self, record: Record) -> None:
        """Handle a record of `gibsey.ui.symbol` or `gibsey.ask`."""
        press = decode_press(record.topic, record.value)
        await self._publisher.publish(await self.enrich(press, record.taken_at))

    async def enrich(self, press: Press | Ask, taken_at: datetime) -> PageRequest:
        """Return the request of a press, with an `error` where the press must be refused.

        Its time is that at which the bus took the press, so that a redelivery makes the same event.
        """
        edition = await self._editions.current()
        request = PageRequest(
            **_unknown(press),
            event_id=request_id(press.event_id),
            ts=max(taken_at, press.ts),
            session_id=press.session_id,
            cause_id=press.event_id,
            press_id=press.event_id,
            request_id=request_id(press.event_id),
            page_id=press.page_id,
            **reader_fields(press),
            canon_revision=edition.revision.revision,
        )
        try:
            locus = await self._locus(press, edition)
        except UnknownPage as refusal:
            return request.model_copy(update={"error": fault_of(refusal, self._redact)})
        return request.model_copy(update=_about(press, locus, edition))

    async def _locus(self, press: Press | Ask, edition: Edition) -> Page | None:
        if press.page_id is None:
            return None
        return await find_locus(edition, self._store, press.page_id, press.session_id)

    def refuse_or(self, dead_letter: GiveUp) -> GiveUp:
        """Return what ends a record that cannot be enriched.

        Where its journey and press can be read, it becomes a request with an error, which is answered in its turn;
        otherwise a dead letter alone.
        """

        async def give_up(record: Record, error: Exception, attempts: int) -> None:
            request = self._refusal(record, fault_of(error, self._redact))
            if request is None:
                await dead_letter(record, error, attempts)
            else:
                await self._publisher.publish(request)

        return give_up

    def _refusal(self, record: Record, fault: Fault) -> PageRequest | None:
        named = press_named(record)
        if named is None:
            return None
        return PageRequest(
            event_id=request_id(named.press),
            ts=record.taken_at,
            session_id=named.journey,
            cause_id=named.press,
            press_id=named.press,
            request_id=request_id(named.press),
            error=fault,
        )


def _unknown(press: Press | Ask) -> dict[str, Any]:
    """Return the fields of a press that this version does not know: its request passes them on."""
    return {name: value for name, value in (press.model_extra or {}).items() if name not in PageRequest.model_fields}


def _about(press: Press | Ask, locus: Page | None, edition: Edition) -> dict[str, Any]:
    section = locus.section if locus else None
    context = context_of(locus, edition) if locus else ()
    if isinstance(press, Press):
        symbol: int | None = press.symbol_code
    else:
        symbol = encode_symbol(locus.char_hex, ASK_USER) if locus else None
    about: dict[str, Any] = {"section": section, "context_ids": context, "symbol_code": symbol}
    if symbol is not None:
        about["char_hex"], about["behavior"] = decode_symbol(symbol)
        about["trajectory_hint"] = hint_of(symbol, press, section)
    return about


def hint_of(symbol: int, asked: ReaderInput, section: int | None) -> Trajectory:
    """Return the trajectory that a press would get on a fresh journey. It is only a hint."""
    return asked.wish or choose(profile_of(symbol), Situation(), asked.words, section)[0]


def context_of(locus: Page, edition: Edition) -> tuple[str, ...]:
    """Return the pages before a locus: two of the ring before a canon page, the anchor of a generated one."""
    if locus.placement is not None:
        return (locus.placement.anchor,)
    at = edition.ring.resolve(locus.page_id)
    return (edition.ring.step(at, -1), edition.ring.step(at, -2))


def build(system: System, model: LanguageModel) -> ServiceWorker:
    """Return the enricher's worker."""
    service = Enricher(system.store, system.editions, system.publisher, system.settings.redact)
    return consume(system, ENRICHER, service, service.refuse_or)
