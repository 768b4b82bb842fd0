"""Clients of the embedded bus on one directory."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from qdpi.bus.embedded import EmbeddedBus
from qdpi.bus.port import EventBus


def wall_clock() -> datetime:
    return datetime.now(UTC)


async def open_bus(directory: str) -> EmbeddedBus:
    bus = EmbeddedBus(Path(directory), now=wall_clock)
    await bus.open()
    return bus


class EmbeddedRig:
    """Clients in one process: the locks belong to open files, so the clients exclude each other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._clients: list[EmbeddedBus] = []

    async def client(self) -> EmbeddedBus:
        self._clients.append(await open_bus(str(self.directory)))
        return self._clients[-1]

    async def cut_off(self, bus: EventBus) -> None:
        """Remove the lock files, so that their holders lose the locks without noticing."""
        for lock in (self.directory / "groups").iterdir():
            lock.unlink()

    def child(self) -> tuple[str, str]:
        return f"{__name__}:open_bus", str(self.directory)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
