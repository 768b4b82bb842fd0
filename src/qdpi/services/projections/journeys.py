"""The tables derived from a whole journey: its snapshot, its section figures and its vault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from qdpi.events import VaultChange
from qdpi.journey import JourneyState
from qdpi.outcome import Outcome
from qdpi.services.projections.projection import Columns, Projection, Remedy
from qdpi.services.vault import keep_change, vault_entries
from qdpi.store.ports import Log, Vault
from qdpi.store.rows import SectionFigures, Snapshot, VaultEntry, section_figures
from qdpi.topology import PAGE_GENERATOR, RECORDER


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
