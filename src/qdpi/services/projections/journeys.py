"""The tables derived from a journey: outcome by outcome its state and events log, as a whole its snapshot, section
figures and vault.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from qdpi.events import Event, PageDone, VaultChange
from qdpi.journey import JourneyState, SectionFigures, section_figures
from qdpi.outcome import LogEntry, Outcome, log_entry
from qdpi.services.projections.projection import PRESENT, Columns, Projection, Remedy, same_columns
from qdpi.services.vault import keep_change, vault_entries
from qdpi.store.ports import Log, PageStore, Vault
from qdpi.store.rows import Snapshot, VaultEntry
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


@dataclass(frozen=True, slots=True)
class JourneySource:
    """A journey after its last outcome: its snapshot, its figures by section, and the newest change of each saved page.

    `figures` has every section that the journey ever departed from. Rows of a whole journey have the seq 0.
    """

    session_id: str
    snapshot: Snapshot | None = None
    figures: Mapping[int, SectionFigures] = field(default_factory=dict)
    changes: Sequence[VaultChange] = ()
    seq: int = 0

    @property
    def key(self) -> str:
        """The key of the rows."""
        return self.session_id


def figures_after(before: Mapping[int, SectionFigures], state: JourneyState) -> dict[int, SectionFigures]:
    """Return a journey's figures after a state: zeros for the sections that it has come back to."""
    return {**dict.fromkeys(before, SectionFigures(0, 0)), **section_figures(state)}


def journey_after(outcome: Outcome) -> JourneySource:
    """Return the source of the rows that are written with an outcome."""
    return JourneySource(outcome.session_id, snapshot_of(outcome))


def snapshot_of(outcome: Outcome) -> Snapshot:
    """Return the journey's snapshot after an outcome."""
    return Snapshot(
        session_id=outcome.session_id,
        seq=outcome.seq,
        state=outcome.state,
        last_event_ts=outcome.at,
        cursor=outcome.event.event_id,
    )


async def _write_snapshots(store: Log, sources: Sequence[JourneySource]) -> None:
    # The store writes the figures of the snapshot's state with it.
    for source in sources:
        if source.snapshot is not None:
            await store.save_snapshot(source.snapshot)


async def _write_vaults(store: Vault, sources: Sequence[JourneySource]) -> None:
    for source in sources:
        for change in source.changes:
            await keep_change(change, store)


def _snapshot_columns(row: Snapshot, due: Snapshot | None) -> Columns:
    columns = row.model_dump(mode="json", include={"seq", "last_event_ts", "cursor"})
    return {**columns, "state": row.state.digest()}


def _figures_columns(figures: Mapping[int, SectionFigures], due: object) -> Columns:
    return {str(section): list(figure) for section, figure in figures.items()}


def _vault_columns(entries: Sequence[VaultEntry], due: object) -> Columns:
    return {entry.page_id: entry.model_dump(mode="json", exclude={"session_id", "page_id"}) for entry in entries}


SNAPSHOTS: Final = Projection[JourneySource](
    table="state_snapshots",
    noun="snapshot",
    writer=PAGE_GENERATOR,
    due=lambda source: source.snapshot,
    read=lambda store, source: store.snapshot(source.session_id),
    columns=_snapshot_columns,
    write=_write_snapshots,
    remedy=Remedy("The newest is written again from the outcomes."),
    remedies={"ahead": Remedy("Outcomes are gone that it knew of: restore the store from a backup.", mends=False)},
    version="seq",
)
FIGURES: Final = Projection[JourneySource](
    table="section_counters",
    noun="figures",
    writer=PAGE_GENERATOR,
    due=lambda source: source.figures,
    read=lambda store, source: store.section_figures(source.session_id),
    columns=_figures_columns,
    write=_write_snapshots,
    remedy=Remedy("They are written again from the outcomes."),
    column_label="section {} (branches, debt)",
)
VAULT: Final = Projection[JourneySource](
    table="vault",
    noun="vault",
    writer=RECORDER,
    due=lambda source: vault_entries(source.changes),
    read=lambda store, source: store.vault(source.session_id),
    columns=_vault_columns,
    write=_write_vaults,
    remedy=Remedy("It is brought in line with the journey's log, and with what the bus still has of it."),
)
OF_JOURNEY: Final = (SNAPSHOTS, FIGURES, VAULT)
"""The tables derived from all of a journey's outcomes, and from its log."""
