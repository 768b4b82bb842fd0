"""`qdpi dlq`: list, show and replay dead letters."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import click

from qdpi.cli.options import BUS, json_option, settings_options
from qdpi.cli.output import answer, table
from qdpi.settings import Settings

if TYPE_CHECKING:
    from qdpi.bus.port import Message
    from qdpi.events import DeadLetter


@click.group()
def dlq() -> None:
    """Dead letters: the records that could not be handled, and the runs that failed."""


@dlq.command("list")
@json_option
@settings_options(*BUS)
def list_command(as_json: bool, settings: Settings) -> None:
    """List the dead letters, the oldest first."""
    answer(asyncio.run(_list(settings)), _list_text, as_json)


@dlq.command("show")
@click.argument("letter_id", metavar="ID")
@json_option
@settings_options(*BUS)
def show_letter(letter_id: str, as_json: bool, settings: Settings) -> None:
    """Show a dead letter, with all that it holds of the original record. ID may be the beginning of an id."""
    answer(asyncio.run(_show(letter_id, settings)), _letter_text, as_json)


@dlq.command("replay")
@click.argument("letter_id", metavar="ID")
@json_option
@settings_options(*BUS)
def replay_letter(letter_id: str, as_json: bool, settings: Settings) -> None:
    """Try a dead letter again. ID may be the beginning of an id.

    A run that failed becomes a new press at the end of its journey, one and the same however often it is
    replayed; any other record is published again as it was, and refused where its letter does not hold all
    of it.
    """
    answer(asyncio.run(_replay(letter_id, settings)), _replay_text, as_json)


async def _list(settings: Settings) -> list[dict[str, Any]]:
    from qdpi.bootstrap import build_system
    from qdpi.runtime.startup import open_bus
    from qdpi.services.dead_letters import list_letters

    async with open_bus(build_system(settings)) as system:
        return [_summary(letter) for letter in await list_letters(system.bus)]


async def _show(letter_id: str, settings: Settings) -> dict[str, Any]:
    from qdpi.bootstrap import build_system
    from qdpi.runtime.startup import open_bus
    from qdpi.services.dead_letters import find_letter

    async with open_bus(build_system(settings)) as system:
        return _details(await find_letter(system.bus, letter_id))


async def _replay(letter_id: str, settings: Settings) -> dict[str, Any]:
    from qdpi.bootstrap import build_system
    from qdpi.runtime.startup import open_bus
    from qdpi.services.dead_letters import find_letter, replay_message, request_of

    async with open_bus(build_system(settings)) as system:
        letter = await find_letter(system.bus, letter_id)
        message = await replay_message(system.bus, letter, system.now())
        await system.bus.publish(message)
    return {
        "letter": letter.event_id,
        "topic": message.topic,
        "event_id": _event_id(message),
        "new_press": request_of(letter) is not None,
    }


def _event_id(message: Message) -> str | None:
    """Return the id of a message's event: its body's, or else its header's; None without either."""
    from qdpi.events import body_of

    event_id = body_of(message.value).get("event_id")
    if isinstance(event_id, str):
        return event_id
    header = dict(message.headers).get("x-event-id")
    return header.decode(errors="replace") if header else None


def _summary(letter: DeadLetter) -> dict[str, Any]:
    fields = {"event_id", "ts", "session_id", "press_id", "group", "source_topic", "attempts", "error"}
    return letter.model_dump(mode="json", include=fields)


def _details(letter: DeadLetter) -> dict[str, Any]:
    """Return a letter with its original record made readable: text where the bytes are text, else Base64."""
    key, value, headers = letter.original()
    fields = letter.model_dump(mode="json", exclude={"key_base64", "value_base64", "headers_base64"})
    return {
        **fields,
        "original": {
            "key": _readable(key),
            "value": _readable(value),
            "headers": {name: _readable(raw) for name, raw in headers},
        },
    }


def _readable(raw: bytes | None) -> Any:
    if raw is None:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}
    try:
        return json.loads(text)
    except ValueError:
        return text


def _list_text(letters: list[dict[str, Any]]) -> str:
    if not letters:
        return "No dead letters."
    rows = [
        (
            letter["event_id"],
            letter["ts"][:19],
            letter["group"],
            letter["error"]["code"],
            letter["error"]["detail"][:60],
        )
        for letter in letters
    ]
    return "\n".join(table(("id", "time", "group", "code", "what"), rows))


def _letter_text(letter: dict[str, Any]) -> str:
    original = letter["original"]
    facts = {
        "id": letter["event_id"],
        "time": letter["ts"],
        "group": letter["group"],
        "error": f"{letter['error']['code']}: {letter['error']['detail']} {letter['error']['next_step']}",
        "attempts": letter["attempts"],
        "from": f"{letter['source_topic']}, partition {letter['source_partition']}, offset {letter['source_offset']}",
        "journey": letter["session_id"],
        "press": letter["press_id"],
        "key": original["key"],
        "headers": json.dumps(original["headers"], ensure_ascii=False),
        "value": json.dumps(original["value"], ensure_ascii=False, indent=2),
    }
    if letter["cut_bytes"]:
        facts["lacks"] = f"{letter['cut_bytes']:,} bytes at the end of the value"
    return "\n".join(f"{name:9} {fact}" for name, fact in facts.items())


def _replay_text(done: dict[str, Any]) -> str:
    what = "Pressed again" if done["new_press"] else "Published again"
    return f"{what} on {done['topic']} as event {done['event_id'] or 'of no id'}."
