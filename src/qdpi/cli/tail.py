"""`qdpi tail`: what the bus carries, as it comes."""

from __future__ import annotations

import asyncio

import click

from qdpi.cli.options import BUS, json_option, settings_options
from qdpi.settings import Settings


@click.command()
@click.option("--session", metavar="ID", help="One journey's events alone.")
@click.option("--topic", "topics", multiple=True, metavar="T", help="A topic to follow; may be given often.")
@click.option("--from-start", is_flag=True, help="Begin with what the bus still holds.")
@json_option
@settings_options(*BUS)
def tail(session: str | None, topics: tuple[str, ...], from_start: bool, as_json: bool, settings: Settings) -> None:
    """Follow the events on the bus until Ctrl-C: by default all topics but the pieces of text being written.

    With --json each event is one line of JSON.
    """
    from qdpi.ids import check_session

    asyncio.run(_tail(check_session(session) if session else None, topics, from_start, as_json, settings))


async def _tail(
    session: str | None, topics: tuple[str, ...], from_start: bool, as_json: bool, settings: Settings
) -> None:
    from qdpi.bootstrap import build_system
    from qdpi.bus.port import Start
    from qdpi.cli.opening import bus_open
    from qdpi.cli.output import line
    from qdpi.cli.records import known_topics, nearly_in_order, record_line, record_of, session_of

    async with bus_open(build_system(settings)) as system:
        wanted = await known_topics(system.bus, topics)
        start = Start.EARLIEST if from_start else Start.LATEST
        async with system.bus.tap(wanted, start) as records:
            async for record in nearly_in_order(records):
                event = record_of(record)
                if session is None or session_of(event) == session:
                    click.echo(line(event) if as_json else record_line(event))
