"""The topology: which component reads which topics, in which consumer group, and what it publishes. Pure.

The workers, the backlog, the AsyncAPI document and the command line all read this one table. A worker's builder is
the function `build` of the module `qdpi.services.NAME`.
"""

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
    ReaderPlace,
    Stop,
    VaultChange,
)

EventModel = type[Event] | type[DeadLetter]


class Component(NamedTuple):
    """A row of the table.

    `receives` are the events it consumes as a member of `group` (empty where it joins none), `taps` those it reads
    without a group, `sends` those it publishes. `about` completes the sentence "The NAME ...". `needs_book` and
    `needs_model` say what must be there before it can work.
    """

    name: str
    about: str
    group: str = ""
    receives: tuple[EventModel, ...] = ()
    taps: tuple[EventModel, ...] = ()
    sends: tuple[EventModel, ...] = ()
    needs_book: bool = False
    needs_model: bool = False

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that it consumes in its group."""
        return tuple(model.topic for model in self.receives)


GATEWAY: Final = Component(
    name="gateway",
    about="takes presses, asks, stops, places and changes of the vault over HTTP, and streams each reader's events",
    taps=(Press, Ask, PageDelta, PageDone, PageFailed, VaultChange, ReaderPlace),
    sends=(Press, Ask, Stop, VaultChange, ReaderPlace),
)
ENRICHER: Final = Component(
    name="enricher",
    about="turns every press and ask into a request for a page",
    group="qdpi.enricher",
    receives=(Press, Ask),
    sends=(PageRequest, DeadLetter),
    needs_book=True,
)
PAGE_GENERATOR: Final = Component(
    name="page_generator",
    about="writes the page of every request and publishes its outcome",
    group="qdpi.page_generator",
    receives=(PageRequest,),
    taps=(Stop,),
    sends=(PageDelta, PageDone, PageFailed, PageEvent, IndexUpdate, Audit, DeadLetter),
    needs_book=True,
    needs_model=True,
)
INDEXER: Final = Component(
    name="indexer",
    about="reads and indexes pages",
    group="qdpi.indexer",
    receives=(IndexUpdate,),
    sends=(PageEvent, DeadLetter),
)
RECORDER: Final = Component(
    name="recorder",
    about="keeps the events log, the vaults and the places of readers",
    group="qdpi.recorder",
    receives=(Press, Ask, Stop, PageRequest, PageDone, PageFailed, VaultChange, ReaderPlace),
    sends=(PageEvent, DeadLetter),
)
JANITOR: Final = Component(name="janitor", about="deletes records past their retention and idle topics of single pages")

WORKERS: Final = {worker.name: worker for worker in (ENRICHER, PAGE_GENERATOR, INDEXER, RECORDER, JANITOR)}
"""The workers by name, in the order in which work flows through them."""

COMPONENTS: Final = {GATEWAY.name: GATEWAY, **WORKERS}
"""Every component by name."""

GROUPS: Final = {worker.group: worker.topics for worker in WORKERS.values() if worker.group}
"""The topics of each consumer group, in the order of `WORKERS`."""
