"""`qdpi kafka-topics`: the topics of the bus, on Kafka or embedded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import click

from qdpi.cli.options import BUS, json_option, settings_options
from qdpi.settings import Settings


@click.command()
@click.option("--list", "list_only", is_flag=True, help="List only; create nothing.")
@click.option(
    "--grow", "partitions", type=click.IntRange(1), metavar="NUMBER", help="Raise every topic to this many partitions."
)
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="With --grow: how long to wait for the workers to process their backlog.",
)
@json_option
@settings_options(*BUS, "kafka_partitions", "kafka_replication")
def kafka_topics(list_only: bool, partitions: int | None, wait: float, as_json: bool, settings: Settings) -> None:
    """Create the missing core topics, and list all topics with their first and next offsets.

    --grow raises the number of partitions, so that more workers of a kind can share the work. A journey's events
    then go to another partition, where they could overtake those still waiting in the old one. Therefore the command
    first waits until the workers have processed everything. For strict order, stop the gateways before: a press made
    between the last check and the change is answered, but perhaps out of turn. Partitions added by other means cost
    the same: the order of the presses waiting at that moment.
    """
    from qdpi.cli.output import answer

    if list_only and partitions is not None:
        raise click.UsageError("--list changes nothing; give --grow without it.")
    answer(asyncio.run(_topics(list_only, partitions, wait, settings)), _text, as_json)


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

    note("Waiting for " + ", ".join(f"{group} ({records} records)" for group, records in left.items()))


def _text(answered: dict[str, Any]) -> str:
    from qdpi.cli.output import table

    rows = [(row["topic"], str(row["partition"]), str(row["first"]), str(row["next"])) for row in answered["topics"]]
    done = [f"Created {name}." for name in answered["created"]] + [
        f"Added partitions to {name}." for name in answered["grown"]
    ]
    return "\n".join((*done, *table(("topic", "partition", "first", "next"), rows)))
