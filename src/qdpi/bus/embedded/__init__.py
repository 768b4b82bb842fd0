"""The event bus with nothing else installed: SQLite, one machine, any number of its processes."""

from qdpi.bus.embedded.adapter import EmbeddedBus

__all__ = ["EmbeddedBus"]
