"""Who sends and receives what: one table, which a test holds against the services at work."""

from __future__ import annotations

from typing import Final, NamedTuple

from qdpi.events import (
    Ask,
    Audit,
    DeadLetter,
    Event,
    IndexUpdate,
    PageDelta,
    PageDone,
    PageEvent,
    PageFailed,
    PageRequest,
    Press,
    Stop,
    VaultChange,
)

EventModel = type[Event] | type[DeadLetter]


class Service(NamedTuple):
    """A service: the consumer group it works in, what it receives in it, what it taps without one, what it sends."""

    group: str | None
    receives: tuple[EventModel, ...]
    taps: tuple[EventModel, ...]
    sends: tuple[EventModel, ...]
    about: str


SERVICES: Final[dict[str, Service]] = {
    "gateway": Service(
        group=None,
        receives=(),
        taps=(Press, Ask, PageDelta, PageDone, PageFailed),
        sends=(Press, Ask, Stop, VaultChange),
        about="takes presses, asks, stops and the vault's changes over HTTP, and tells each reader of theirs",
    ),
    "enricher": Service(
        group="qdpi.enricher",
        receives=(Press, Ask),
        taps=(),
        sends=(PageRequest, DeadLetter),
        about="makes a request for a page of every press and ask",
    ),
    "page_generator": Service(
        group="qdpi.page_generator",
        receives=(PageRequest,),
        taps=(Stop,),
        sends=(PageDelta, PageDone, PageFailed, PageEvent, IndexUpdate, Audit, DeadLetter),
        about="writes the page of every request, and tells of its outcome",
    ),
    "indexer": Service(
        group="qdpi.indexer",
        receives=(IndexUpdate,),
        taps=(),
        sends=(PageEvent, DeadLetter),
        about="reads and indexes pages",
    ),
    "recorder": Service(
        group="qdpi.recorder",
        receives=(Press, Ask, Stop, PageRequest, PageDone, PageFailed, VaultChange),
        taps=(),
        sends=(PageEvent, DeadLetter),
        about="keeps the events log and the vaults",
    ),
}
"""Every service by its name."""
