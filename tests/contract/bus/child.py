"""Another process on the log.

`child MODULE:FUNCTION ARGUMENT publish TOPIC COUNT`, `… hold GROUP TOPIC COUNT COMMIT` or
`… zombie GROUP TOPIC COUNT`, which commits after a line on its standard input.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable

from tests.contract.bus.rig import after, fetch, fetch_revocation

from qdpi.bus.port import EventBus, Message
from qdpi.observability.logs import configure_logs
from qdpi.settings import Settings


async def publish_numbers(bus: EventBus, topic: str, count: str) -> None:
    """Publish numbers from 0, and print each after its acknowledgement."""
    for number in range(int(count)):
        await bus.publish(Message(topic, b"key", b"%d" % number))
        print(number, flush=True)  # noqa: T201


async def hold(bus: EventBus, group: str, topic: str, count: str, commit: str) -> None:
    """Fetch `count` records, commit the first of them, and stay a member until killed."""
    member = await bus.join(group, [topic])
    records = await fetch(member, int(count))
    await member.commit(after(records[: int(commit)]))
    print(f"holds {len(records)}, committed {commit}", flush=True)  # noqa: T201
    while True:
        await member.fetch(100, 1.0)


async def zombie(bus: EventBus, group: str, topic: str, count: str) -> None:
    """Fetch `count` records, commit them after a line on standard input, and report the loss of their partition."""
    member = await bus.join(group, [topic])
    records = await fetch(member, int(count))
    print(f"holds {len(records)}", flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.readline)
    await member.commit(after(records))
    print("committed", flush=True)  # noqa: T201
    await fetch_revocation(member)
    print("lost", flush=True)  # noqa: T201
    while True:
        await member.fetch(100, 1.0)


async def main(factory: str, argument: str, command: str, *arguments: str) -> None:
    configure_logs(Settings())
    module, _, function = factory.partition(":")
    bus: EventBus = await getattr(importlib.import_module(module), function)(argument)
    commands: dict[str, Callable[..., Awaitable[None]]] = {"publish": publish_numbers, "hold": hold, "zombie": zombie}
    await commands[command](bus, *arguments)
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
