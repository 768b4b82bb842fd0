"""`qdpi dlq`: the records that could not be handled."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from qdpi.cli.options import BUS, json_option, settings_options
from qdpi.settings import Settings


@click.group()
def dlq() -> None:
    """Dead letters: the records that could not be handled, and the runs that failed."""


@dlq.command("list")
@json_option
@settings_options(*BUS)
def list_command(as_json: bool, settings: Settings) -> None:
    """List the dead letters, the oldest first."""
    from qdpi.cli.letters import letters_told
    from qdpi.cli.output import answer

    answer(asyncio.run(_list(settings)), letters_told, as_json)


@dlq.command("show")
@click.argument("letter_id", metavar="ID")
@json_option
@settings_options(*BUS)
def show_letter(letter_id: str, as_json: bool, settings: Settings) -> None:
    """Show a dead letter, with all that it holds of the original record. ID may be the beginning of an id."""
    from qdpi.cli.letters import letter_told
    from qdpi.cli.output import answer

    answer(asyncio.run(_show(letter_id, settings)), letter_told, as_json)


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
    from qdpi.cli.output import answer

    answer(asyncio.run(_replay(letter_id, settings)), _replayed, as_json)


async def _list(settings: Settings) -> list[dict[str, Any]]:
    from qdpi.bootstrap import build_system
    from qdpi.cli.letters import list_letters
    from qdpi.cli.opening import bus_open

    async with bus_open(build_system(settings)) as system:
        return await list_letters(system.bus)


async def _show(letter_id: str, settings: Settings) -> dict[str, Any]:
    from qdpi.bootstrap import build_system
    from qdpi.cli.letters import find_letter, whole
    from qdpi.cli.opening import bus_open

    async with bus_open(build_system(settings)) as system:
        return whole(await find_letter(system.bus, letter_id))


async def _replay(letter_id: str, settings: Settings) -> dict[str, Any]:
    from qdpi.bootstrap import build_system
    from qdpi.cli.letters import event_carried, find_letter, find_press
    from qdpi.cli.opening import bus_open
    from qdpi.services.dead_letters import message_for, request_of

    async with bus_open(build_system(settings)) as system:
        letter = await find_letter(system.bus, letter_id)
        request = request_of(letter)
        lacking = request is not None and request.symbol_code is None
        press = await find_press(system.bus, request) if request is not None and lacking else None
        message = message_for(letter, system.now(), press)
        told = {"letter": letter.event_id, "topic": message.topic, "event_id": event_carried(message)}
        await system.bus.publish(message)
    return {**told, "new_press": request is not None}


def _replayed(done: dict[str, Any]) -> str:
    what = "Pressed again" if done["new_press"] else "Published again"
    return f"{what} on {done['topic']} as event {done['event_id'] or 'of no id'}."
