"""The vault: save and remove pages, and list the entries as of now or a past moment.

A change is published to the log first. Then the gateway applies it as the recorder does, so that a client sees its
own change once it is answered.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Query

from qdpi.api import API_PREFIX
from qdpi.api.requests import GivenId, VaultBody
from qdpi.api.responses import SavedPageView, VaultChanges, VaultChangeView, VaultUpdate, VaultView
from qdpi.canon.edition import Edition
from qdpi.canon.editions import find_locus
from qdpi.errors import InvalidInput, StoreUnavailable
from qdpi.events import VaultChange
from qdpi.gateway import presses
from qdpi.gateway.as_of import AsOfQuery, resolve_as_of, vault_at, vault_digest
from qdpi.gateway.context import Exchange, ExchangeDep, Gateway, GatewayDep, current_edition, journey_of
from qdpi.gateway.problems import problem_responses
from qdpi.gateway.routes.events import Traceparent
from qdpi.ids import microseconds
from qdpi.page_schema import Page
from qdpi.services.recorder import change_known, record_event
from qdpi.store.rows import VaultEntry

MOST_ENTRIES: Final = 1_000
_CURSOR: Final = re.compile(r"(-?\d{1,20})\.([0-9A-Za-z-]{1,128})")
_AGAIN: Final = "Send the same request again: the newest change of a page's entry wins."

router = APIRouter(prefix=f"{API_PREFIX}/vault", tags=["vault"])
log = structlog.get_logger("qdpi.gateway")


@router.post(
    "/{session_id}",
    summary="Save a page, or change its label and notes",
    responses=problem_responses(400, 401, 404, 413, 422, 429, 503),
)
async def save(
    session_id: str,
    body: VaultBody,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    traceparent: Traceparent = None,
) -> VaultUpdate:
    """Save a page of the book or of this journey. A label or notes left out of the body do not change."""
    journey = journey_of(gateway, exchange, session_id)
    event_id, known = await _recorded_change(gateway, journey, body.client_request_id)
    if known is None:
        page = await find_locus(await current_edition(gateway), gateway.system.store, body.page_id, journey)
        entry = await gateway.system.store.saved(journey, body.page_id)
        kept = {"label": entry.label, "notes": entry.notes} if entry else {}
        given = body.model_dump(include={"label", "notes"}, exclude_none=True)
        known = VaultChange(
            event_id=event_id,
            ts=_after(gateway.system.now(), entry),
            session_id=journey,
            action="labelled" if entry else "saved",
            page_id=body.page_id,
            client_request_id=body.client_request_id,
            **(kept | given),
        )
        await _publish_and_apply(gateway, exchange, known, page, traceparent)
    return await _answer(gateway, exchange, known)


@router.delete("/{session_id}/{page_id}", summary="Remove a page", responses=problem_responses(401, 404, 422, 429, 503))
async def unsave(
    session_id: str,
    page_id: str,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    client_request_id: Annotated[GivenId | None, Query(description="Repeats with the same id are one change.")] = None,
    traceparent: Traceparent = None,
) -> VaultUpdate:
    """Remove a page from the vault. Removing a page that is not in it has no effect."""
    journey = journey_of(gateway, exchange, session_id)
    event_id, known = await _recorded_change(gateway, journey, client_request_id)
    if known is None:
        entry = await gateway.system.store.saved(journey, page_id)
        edition = await current_edition(gateway)
        page = await _page(gateway, edition, journey, page_id)
        if entry is None and page is None:
            page = await find_locus(edition, gateway.system.store, page_id, journey)
        known = VaultChange(
            event_id=event_id,
            ts=_after(gateway.system.now(), entry),
            session_id=journey,
            action="unsaved",
            page_id=page_id,
            client_request_id=client_request_id,
        )
        await _publish_and_apply(gateway, exchange, known, page, traceparent)
    return await _answer(gateway, exchange, known)


async def _recorded_change(
    gateway: Gateway, journey: str, client_request_id: str | None
) -> tuple[str, VaultChange | None]:
    """Return a change's event id, and the change itself if it was recorded before."""
    event_id = presses.event_id_of(gateway, journey, "vault", client_request_id)
    if client_request_id is None:
        return event_id, None
    return event_id, await change_known(journey, event_id, gateway.system.store)


def _after(now: datetime, entry: VaultEntry | None) -> datetime:
    """Return the time of a change: later than the entry it changes, even if gateways' clocks differ."""
    return max(now, entry.saved_at + timedelta(microseconds=1)) if entry else now


async def _publish_and_apply(
    gateway: Gateway, exchange: Exchange, change: VaultChange, page: Page | None, parent: str | None
) -> None:
    """Publish a change and apply it. While the store is unavailable, only the recorder applies it."""
    exchange.event_id = change.event_id
    when_unknown = presses.RETRY if change.client_request_id else _AGAIN
    await presses.publish(gateway, change, parent, when_unknown, about=page)
    try:
        await record_event(change, gateway.system.store)
    except StoreUnavailable as error:
        log.warning("vault.dependency_unavailable", event_id=change.event_id, cause=error.detail)


async def _answer(gateway: Gateway, exchange: Exchange, change: VaultChange) -> VaultUpdate:
    """Return the entry after a change; while the store is unavailable, only what the change itself says."""
    exchange.event_id = change.event_id
    try:
        entry = await gateway.system.store.saved(change.session_id, change.page_id)
        views = await _views(gateway, change.session_id, [entry] if entry else [])
    except StoreUnavailable:
        saved = change.action != "unsaved"
        return VaultUpdate(event_id=change.event_id, page_id=change.page_id, saved=saved, recorded=False, entry=None)
    return VaultUpdate(
        event_id=change.event_id,
        page_id=change.page_id,
        saved=entry is not None,
        recorded=True,
        entry=views[0] if views else None,
    )


@router.get("/{session_id}", summary="The entries of a vault", responses=problem_responses(401, 422, 429, 503))
async def vault(
    session_id: str,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    at: AsOfQuery = None,
    after: Annotated[str | None, Query(description="The `next` of the previous response.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES, description="How many entries at most.")] = 200,
) -> VaultView:
    """Return the saved pages, oldest change first."""
    journey, store = journey_of(gateway, exchange, session_id), gateway.system.store
    first = _read_cursor(after)
    last = await store.last_outcome(journey) if at is not None else None
    as_of = await resolve_as_of(store, journey, at, last.seq if last else 0, gateway.system.now())
    entries = await vault_at(store, journey, as_of.time)
    following = [entry for entry in entries if _place(entry) > first]
    return VaultView(
        session_id=session_id,
        at=as_of.time,
        count=len(entries),
        digest=vault_digest(entries),
        entries=tuple(await _views(gateway, journey, following[:limit])),
        next=_cursor(following[limit - 1]) if len(following) > limit else None,
    )


@router.get("/{session_id}/changes", summary="The changes of a vault", responses=problem_responses(401, 422, 429, 503))
async def changes(
    session_id: str,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    after: Annotated[str | None, Query(description="The `next` of the previous response.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES, description="How many changes at most.")] = MOST_ENTRIES,
) -> VaultChanges:
    """Return each change with its time: folded in order, by page the newest last, they are the vault at any moment."""
    journey = journey_of(gateway, exchange, session_id)
    first = _read_cursor(after)
    rows = await gateway.system.store.changes(journey)
    following = [row for row in rows if _place(row) > first]
    return VaultChanges(
        session_id=session_id,
        count=len(rows),
        changes=tuple(VaultChangeView(**row.model_dump()) for row in following[:limit]),
        next=_cursor(following[limit - 1]) if len(following) > limit else None,
    )


def _place(entry: VaultEntry) -> tuple[int, str]:
    return microseconds(entry.saved_at), entry.event_id


def _cursor(entry: VaultEntry) -> str:
    return "{}.{}".format(*_place(entry))


def _read_cursor(after: str | None) -> tuple[int, str]:
    found = _CURSOR.fullmatch(after) if after else None
    if after is not None and found is None:
        raise InvalidInput(f"after is {after[:80]!r}.", next_step="Give the `next` of a response unchanged.")
    return (int(found[1]), found[2]) if found else (-(10**20), "")


async def _views(gateway: Gateway, journey: str, entries: Sequence[VaultEntry]) -> list[SavedPageView]:
    """Return entries with their pages' facts; an entry whose page cannot be read comes without."""
    edition = await current_edition(gateway)
    pages = await asyncio.gather(*(_page(gateway, edition, journey, entry.page_id) for entry in entries))
    return [
        SavedPageView(
            page_id=entry.page_id,
            label=entry.label,
            notes=entry.notes,
            saved_at=entry.saved_at,
            event_id=entry.event_id,
            title=page.title if page else None,
            section=page.section if page else None,
            symbol_code=page.symbol_code if page else None,
        )
        for entry, page in zip(entries, pages, strict=True)
    ]


async def _page(gateway: Gateway, edition: Edition | None, journey: str, page_id: str) -> Page | None:
    page = edition.pages.get(page_id) if edition else None
    if page is None:
        page = await gateway.system.store.page(page_id)
    return page if page and page.is_open_to(journey) else None
