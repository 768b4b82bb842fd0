"""The event bus without a broker: SQLite, on one machine, for any number of processes."""

from qdpi.bus.embedded.adapter import EmbeddedBus

__all__ = ["EmbeddedBus"]
