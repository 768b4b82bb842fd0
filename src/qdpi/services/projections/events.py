"""The state that an outcome states, and the events log: checked and derived outcome by outcome."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from qdpi.events import Event, PageDone
from qdpi.journey import JourneyState
from qdpi.outcome import LogEntry, Outcome, log_entry
from qdpi.services.projections.projection import PRESENT, Columns, Projection, Remedy, same_columns
from qdpi.store.ports import Log, PageStore
from qdpi.topology import PAGE_GENERATOR, RECORDER

_EMPTY: Final[Mapping[str, Columns]] = {}


class OutcomeSource(NamedTuple):
    """An outcome, and the journey's state after it, folded from the outcomes up to it."""

    outcome: Outcome
    state: JourneyState

    @property
    def key(self) -> str:
        """The key of the row."""
        return self.outcome.request_id

    @property
    def seq(self) -> int:
        """The outcome's seq."""
        return self.outcome.seq


class EventSource(NamedTuple):
    """An event of an outcome's run, and the journey's log as it was read, by event id.

    `event` is None for the press, of which the outcome has only the id. `in_full` is false for the events of which
    only the presence is compared.
    """

    key: str
    seq: int
    event: Event | None
    in_full: bool
    log: Mapping[str, Columns]


def events_of(outcome: Outcome, log: Mapping[str, Columns] = _EMPTY) -> list[EventSource]:
    """Return the events that a journey's log has of an outcome's run: the outcome, its request, and its press.

    The recorder writes the rows of the request and the press, so only their presence is compared. A malformed record
    is no event of a log, though it has an outcome.
    """
    event, request = outcome.event, outcome.request
    sources = [
        EventSource(event.event_id, outcome.seq, event, True, log),
        EventSource(request.event_id, outcome.seq, request, False, log),
    ]
    if isinstance(event, PageDone) or event.error.code != "malformed_event":
        sources.append(EventSource(event.press_id, outcome.seq, None, False, log))
    return sources


def log_columns(entry: LogEntry, before: Columns | None = None) -> Columns:
    """Return the compared columns of a log row; `before` are those of an earlier row of the same event."""
    rows = before["rows"] + 1 if before else 1
    columns = entry.model_dump(mode="json", include={"ts", "type", "headers_json"})
    return {**columns, "payload_sha256": hashlib.sha256(entry.payload_json.encode()).hexdigest(), "rows": rows}


def _due_log_row(source: EventSource) -> Columns:
    return log_columns(log_entry(source.event)) if source.in_full and source.event is not None else PRESENT


async def _read_log_row(store: PageStore, source: EventSource) -> Columns | None:
    # The log was read at once, before: a read for each event would be three for each outcome.
    found = source.log.get(source.key)
    return found if source.in_full or found is None else PRESENT


async def _write_log_rows(store: Log, sources: Sequence[EventSource]) -> None:
    entries = [log_entry(source.event) for source in sources if source.event is not None]
    if entries:
        await store.append_log(entries)


async def _read_state(store: PageStore, source: OutcomeSource) -> Columns:
    return _state_columns(source.outcome.state.model_copy(update={"seq": source.seq}))


def _state_columns(state: JourneyState) -> Columns:
    return {"seq": state.seq, "state": state.digest()}


STATES: Final = Projection[OutcomeSource](
    table="outcomes",
    noun="state",
    writer=PAGE_GENERATOR,
    due=lambda source: _state_columns(source.state),
    read=_read_state,
    columns=same_columns,
    write=None,
    remedy=Remedy("An outcome is never written over: restore the store from a backup.", mends=False),
)
LOG: Final = Projection[EventSource](
    table="events_log",
    noun="log-row",
    writer=RECORDER,
    due=_due_log_row,
    read=_read_log_row,
    columns=same_columns,
    write=_write_log_rows,
    remedy=Remedy("It is written again: from its outcome, or from the bus where that still has it."),
    remedies={"changed": Remedy("A row of the log is never written over: delete it, and repair again.", mends=False)},
)
OF_OUTCOME: Final = (STATES,)
"""The check of an outcome against those before it: its state is their fold."""
OF_EVENT: Final = (LOG,)
"""The tables derived from an event of an outcome's run."""
