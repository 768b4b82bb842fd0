"""A journey as of a seq or a time: resolve the `at` parameter, and read the vault as it was then."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple

from fastapi import Query

from qdpi.errors import InvalidInput
from qdpi.events import VaultChange
from qdpi.gateway.streams.follower import CLOCKS_APART
from qdpi.gateway.streams.sse import parse_seq
from qdpi.ids import sha256
from qdpi.services.vault import newest_changes, vault_entries
from qdpi.store.paging import log_of
from qdpi.store.ports import Outcomes, PageStore
from qdpi.store.rows import VaultEntry

AsOfQuery = Annotated[
    str | None,
    Query(
        description="A seq or a time (ISO-8601): the journey as it was then. A seq means the time at which its outcome "
        "was committed."
    ),
]
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


class AsOf(NamedTuple):
    """A resolved `at`: the seq of the last outcome until then, and the time, None for now.

    A seq means the time at which its outcome was committed, 0 the time before the first.
    """

    seq: int
    time: datetime | None


async def resolve_as_of(store: Outcomes, journey: str, at: str | None, head: int, now: datetime) -> AsOf:
    """Resolve an `at` parameter. Raises `InvalidInput` if it is malformed or in the future."""
    if at is None:
        return AsOf(head, None)
    time = _time_of(at)
    if time is not None:
        if time > now + CLOCKS_APART:
            raise InvalidInput(
                f"at is {time.isoformat()}, which is in the future.", next_step="Give a time in the past."
            )
        return AsOf(await _seq_at(store, journey, time, head), time)
    seq = parse_seq("at", at)
    if seq > head:
        raise InvalidInput(
            f"at is {seq}, and this journey has {head} outcomes.", next_step=f"Give a seq from 0 to {head}."
        )
    return AsOf(seq, await _time_at(store, journey, seq))


def _time_of(at: str) -> datetime | None:
    """Parse a time, None where it is not one. The default zone is UTC; an unescaped plus sign arrives as a space."""
    if at.isdigit():
        return None
    try:
        time = datetime.fromisoformat(at.replace(" ", "+"))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


async def _time_at(store: Outcomes, journey: str, seq: int) -> datetime:
    if seq == 0:
        return _BEFORE_ALL
    (outcome,) = await store.outcomes(journey, after=seq - 1, limit=1)
    return outcome.at


async def _seq_at(store: Outcomes, journey: str, time: datetime, head: int) -> int:
    """Return the seq of the last outcome until a time, 0 before the first. Times increase with the seq."""
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if await _time_at(store, journey, middle) <= time else (low, middle - 1)
    return low


async def vault_at(store: PageStore, journey: str, time: datetime | None) -> list[VaultEntry]:
    """Return what a vault held at a time, folded from the journey's log; now, as its table has it."""
    if time is None:
        return await store.vault(journey)
    newest: dict[str, VaultChange] = {}
    async for rows in log_of(store, journey, topic=VaultChange.topic):
        newest = newest_changes(newest, (row for row in rows if row.ts <= time))
        if rows and rows[-1].ts > time:
            break
    return sorted(vault_entries(newest.values()), key=lambda entry: (entry.saved_at, entry.event_id, entry.page_id))


def vault_digest(entries: list[VaultEntry]) -> str:
    """Return a hash (SHA-256, hex) of what a vault holds."""
    return sha256("\n".join(entry.model_dump_json(exclude={"session_id"}) for entry in entries))
