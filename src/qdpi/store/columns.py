"""Models as columns: the specification's, and one JSON column for fields without a column of their own. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from qdpi.events import PageFailed
from qdpi.ids import time_uuid
from qdpi.outcome import Outcome
from qdpi.page_schema import Edges, EdgeType, Page, Signals
from qdpi.store.rows import TreeRow

PAGE_COLUMNS: Final = (
    "page_id",
    "char_hex",
    "behavior",
    "symbol_code",
    "section",
    "page_num",
    "title",
    "orientation",
    "provenance",
    "trajectory",
    "return_to",
    "text",
    "created_at",
    "author",
    "version",
    "revision",
)
"""The specification's columns of a page, and its revision."""

SIGNAL_COLUMNS: Final = ("entities", "motifs", "unresolved_anchors", "novelty", "coherence")
"""The specification's columns of a page's signals; the first three are sets there and JSON arrays here."""

_SETS: Final = SIGNAL_COLUMNS[:3]


class EdgeRow(NamedTuple):
    """A row of `page_edges`. `created_at` is a function of the page and of the edge's position among its edges."""

    edge_type: str
    created_at: str
    target_id: str


def page_row(page: Page) -> dict[str, Any]:
    """Return a page by columns, `extra_json` last."""
    rest = page.model_dump(mode="json")
    row = {name: rest.pop(name) for name in PAGE_COLUMNS}
    return {**row, "extra_json": as_json(rest)}


def page_of(row: Mapping[str, Any]) -> Page:
    """Return the page of a row that `page_row` made."""
    columns = {name: row[name] for name in PAGE_COLUMNS}
    return Page.model_validate({**json.loads(row["extra_json"]), **columns})


def signal_row(page: Page) -> dict[str, Any]:
    """Return a page's signals by columns, `extra_json` last: the unknown fields of edges and signals."""
    signals = page.signals.model_dump(mode="json")
    row = {name: signals.pop(name) for name in SIGNAL_COLUMNS}
    row |= {name: as_json(row[name]) for name in _SETS}
    return {**row, "extra_json": as_json({"edges": page.edges.model_extra, "signals": signals})}


def signals_of(row: Mapping[str, Any]) -> Signals:
    """Return the signals of a row that `signal_row` made."""
    columns = {name: json.loads(row[name]) if name in _SETS else row[name] for name in SIGNAL_COLUMNS}
    return Signals.model_validate({**json.loads(row["extra_json"])["signals"], **columns})


def edge_rows(page: Page) -> list[EdgeRow]:
    """Return a page's edges as rows, with times in the order of the edges."""
    return [
        EdgeRow(kind.value, time_uuid(page.created_at + timedelta(microseconds=place), page.page_id), target)
        for place, (kind, target) in enumerate(page.edges.typed())
    ]


def edges_of(rows: Iterable[EdgeRow], extra_json: str) -> Edges:
    """Return the edges of rows that `edge_rows` made, with the `extra_json` of their page's signals."""
    targets: dict[str, list[str]] = {kind.value: [] for kind in EdgeType}
    for row in sorted(rows, key=lambda row: UUID(row.created_at).time):
        targets[row.edge_type].append(row.target_id)
    return Edges.model_validate(
        {
            **json.loads(extra_json)["edges"],
            "next_within": next(iter(targets[EdgeType.NEXT]), None),
            "loop_back_to": next(iter(targets[EdgeType.LOOP]), None),
            "forks": targets[EdgeType.FORK],
            "mirrors": targets[EdgeType.MIRROR],
        }
    )


def tree_row(outcome: Outcome) -> TreeRow:
    """Return an outcome's row of the tree."""
    event, receipt = outcome.event, outcome.receipt
    run: dict[str, Any] = {
        "seq": event.seq,
        "ts": event.ts,
        "request_id": event.request_id,
        "locus": event.locus,
        "symbol_code": event.symbol_code,
        "model": receipt.model,
        "milliseconds": receipt.duration,
        "prompt_tokens": receipt.tokens_used.prompt,
        "completion_tokens": receipt.tokens_used.completion,
    }
    if isinstance(event, PageFailed):
        return TreeRow(**run, status="failed", error=event.error.code)
    return TreeRow(
        **run,
        page_id=event.page_id,
        trajectory=event.trajectory,
        branch_id=event.branch_id,
        status=event.status.value,
        title=event.title,
    )


def as_json(value: Any) -> str:
    """Return a value as compact JSON, readable in the table."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
