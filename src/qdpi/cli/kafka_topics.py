"""`qdpi kafka-topics`: the topics of the bus, whichever bus it is."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from qdpi.cli.options import BUS, json_option, settings_options
from qdpi.settings import Settings


@click.command()
@click.option("--list", "list_only", is_flag=True, help="Create nothing.")
@json_option
@settings_options(*BUS, "kafka_partitions", "kafka_replication")
def kafka_topics(list_only: bool, as_json: bool, settings: Settings) -> None:
    """Create the core topics that are not there, and list all topics with their first and next offsets."""
    from qdpi.cli.answering import answer

    answer(asyncio.run(_topics(list_only, settings)), _told, as_json)


async def _topics(list_only: bool, settings: Settings) -> dict[str, Any]:
    from qdpi.bootstrap import build_system
    from qdpi.cli.opening import bus_open
    from qdpi.events import TOPICS

    async with bus_open(build_system(settings)) as system:
        created = [] if list_only else await system.bus.create_topics(TOPICS.values())
        states = await system.bus.topics()
    rows = [
        {"topic": state.partition.topic, "partition": state.partition.number, "first": state.first, "next": state.next}
        for state in states
    ]
    return {"created": created, "topics": rows}


def _told(answered: dict[str, Any]) -> str:
    from qdpi.cli.answering import table

    rows = [(row["topic"], str(row["partition"]), str(row["first"]), str(row["next"])) for row in answered["topics"]]
    created = [f"Created {name}." for name in answered["created"]]
    return "\n".join((*created, *table(("topic", "partition", "first", "next"), rows)))
