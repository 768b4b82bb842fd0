"""`qdpi kafka-topics`: the topics of the bus, whichever bus it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import click

from qdpi.cli.options import BUS, json_option, settings_options
from qdpi.settings import Settings


@click.command()
@click.option("--list", "list_only", is_flag=True, help="Create nothing.")
@click.option(
    "--grow", "partitions", type=click.IntRange(1), metavar="NUMBER", help="Give every topic so many partitions."
)
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="With --grow: how long to wait for the workers to finish what stands in line.",
)
@json_option
@settings_options(*BUS, "kafka_partitions", "kafka_replication")
def kafka_topics(list_only: bool, partitions: int | None, wait: float, as_json: bool, settings: Settings) -> None:
    """Create the core topics that are not there, and list all topics with their first and next offsets.

    --grow raises the number of partitions, so that more workers of a kind can share the work. A journey's
    events go to another partition then, where they could overtake those that still wait in the old one. So it
    first waits until no worker has anything left to do. Stop the gateways before it for strict order: what
    is pressed between the last look and the change is answered, but may be answered out of turn. Partitions
    that are added by other means cost just that: the order of the presses then waiting, and nothing else.
    """
    from qdpi.cli.output import answer

    if list_only and partitions is not None:
        raise click.UsageError("--list changes nothing, and --grow does.")
    answer(asyncio.run(_topics(list_only, partitions, wait, settings)), _told, as_json)


async def _topics(list_only: bool, partitions: int | None, wait: float, settings: Settings) -> dict[str, Any]:
    from qdpi.bootstrap import build_system
    from qdpi.events import TOPICS
    from qdpi.runtime.startup import open_bus
    from qdpi.services.partitions import add_partitions

    async with open_bus(build_system(settings)) as system:
        created = [] if list_only else await system.bus.create_topics(TOPICS.values())
        grown = [] if partitions is None else await add_partitions(system.bus, partitions, wait=wait, progress=_waits)
        states = await system.bus.topics()
    rows = [
        {"topic": state.partition.topic, "partition": state.partition.number, "first": state.first, "next": state.next}
        for state in states
    ]
    return {"created": created, "grown": grown, "topics": rows}


def _waits(left: Mapping[str, int]) -> None:
    from qdpi.cli.errors import note

    note("Waiting for " + ", ".join(f"{group} ({records} to do)" for group, records in left.items()))


def _told(answered: dict[str, Any]) -> str:
    from qdpi.cli.output import table

    rows = [(row["topic"], str(row["partition"]), str(row["first"]), str(row["next"])) for row in answered["topics"]]
    done = [f"Created {name}." for name in answered["created"]] + [f"Grew {name}." for name in answered["grown"]]
    return "\n".join((*done, *table(("topic", "partition", "first", "next"), rows)))
