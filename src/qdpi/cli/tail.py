"""`qdpi tail`: follow the events on the bus."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from qdpi.cli.options import BUS, json_option, settings_options
from qdpi.settings import Settings

if TYPE_CHECKING:
    from qdpi.bus.port import EventBus, Record

_SHOWN: Final = (
    "symbol_code",
    "page_id",
    "trajectory",
    "trajectory_hint",
    "user_intent",
    "seq",
    "status",
    "change",
    "step",
    "action",
    "text",
    "error",
)
"""The fields of an event that a line shows, where they are set."""
_LONGEST: Final = 60


@click.command()
@click.option("--session", metavar="ID", help="Only this journey's events.")
@click.option("--topic", "topics", multiple=True, metavar="T", help="A topic to follow; can be given several times.")
@click.option("--from-start", is_flag=True, help="Begin with the oldest event on the bus.")
@json_option
@settings_options(*BUS)
def tail(session: str | None, topics: tuple[str, ...], from_start: bool, as_json: bool, settings: Settings) -> None:
    """Follow the events on the bus until Ctrl-C: by default all topics but the deltas of pages being written.

    With --json each event is one line of JSON.
    """
    from qdpi.ids import check_session

    asyncio.run(_tail(check_session(session) if session else None, topics, from_start, as_json, settings))


async def _tail(
    session: str | None, topics: tuple[str, ...], from_start: bool, as_json: bool, settings: Settings
) -> None:
    from qdpi.bootstrap import build_system
    from qdpi.bus.port import Start
    from qdpi.cli.output import write_event
    from qdpi.runtime.startup import open_bus

    async with open_bus(build_system(settings)) as system:
        wanted = await known_topics(system.bus, topics)
        start = Start.EARLIEST if from_start else Start.LATEST
        async with system.bus.tap(wanted, start) as records:
            async for record in nearly_in_order(records):
                event = record_of(record)
                if session is None or session_of(event) == session:
                    write_event(event, record_line, as_json)


async def known_topics(bus: EventBus, wanted: Sequence[str]) -> list[str]:
    """Return the topics to follow: the wanted ones, or all but the deltas. Raises `InvalidInput` for an unknown one."""
    from qdpi.errors import InvalidInput
    from qdpi.events import TOPICS, PageDelta

    there = {state.partition.topic for state in await bus.topics()} | set(TOPICS)
    unknown = [name for name in wanted if name not in there]
    if unknown:
        raise InvalidInput(f"There is no topic {unknown[0]!r:.80}.", next_step=f"There are {', '.join(sorted(there))}.")
    return list(wanted) or sorted(there - {PageDelta.topic})


async def nearly_in_order(
    records: AsyncIterator[Record], *, limit: int = 10_000, quiet: float = 0.1
) -> AsyncIterator[Record]:
    """Yield records in the order of the times at which the bus took them, as far as they arrive together.

    Records of several partitions arrive in any order. Those that arrive without a pause of `quiet` seconds, at most
    `limit` of them, are sorted.
    """
    held: list[Record] = []
    coming = asyncio.ensure_future(anext(records, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=quiet if held else None)
            fresh = coming.result() if done else None
            if fresh is not None:
                held.append(fresh)
                coming = asyncio.ensure_future(anext(records, None))
            if fresh is None or len(held) >= limit:
                for record in sorted(held, key=lambda record: (record.taken_at, record.partition, record.offset)):
                    yield record
                held = []
            if done and fresh is None:
                return
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


def record_of(record: Record) -> dict[str, Any]:
    """Return a record as JSON: partition, offset, key, headers, and its value, in Base64 where it is not JSON."""
    return {
        "topic": record.topic,
        "partition": record.partition.number,
        "offset": record.offset,
        "taken_at": record.taken_at.isoformat(),
        "key": None if record.key is None else record.key.decode(errors="replace"),
        "headers": {name: value.decode(errors="replace") for name, value in record.headers},
        **_value(record.value),
    }


def _value(raw: bytes | None) -> dict[str, Any]:
    try:
        return {"value": None if raw is None else json.loads(raw)}
    except ValueError:
        return {"value": None, "value_base64": base64.b64encode(raw or b"").decode()}


def session_of(event: dict[str, Any]) -> str | None:
    """Return the `session_id` of a record's value, None where there is none."""
    value = event["value"]
    session = value.get("session_id") if isinstance(value, dict) else None
    return session if isinstance(session, str) else None


def record_line(event: dict[str, Any]) -> str:
    """Return a record as one line: time, topic, offset, journey, and the fields shown."""
    value = event["value"]
    about = _about(value) if isinstance(value, dict) else "no event: see --json"
    at = event["taken_at"][11:23]
    return f"{at} {event['topic']} @{event['offset']} {_shown(session_of(event) or event['key'])} {about}".rstrip()


def _about(value: dict[str, Any]) -> str:
    shown = ((name, value[name]) for name in _SHOWN if value.get(name) not in (None, ""))
    return " ".join(f"{name}={_shown(given)}" for name, given in shown)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("code") or value.get("detail")
    from qdpi.terminal.printable import printable

    text = printable(" ".join(str(value).split()))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
