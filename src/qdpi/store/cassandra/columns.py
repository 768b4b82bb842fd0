"""Models as the columns of Cassandra's rows and back. Pure.

A TIMESTAMP keeps milliseconds, so `at` keeps the microseconds; a set keeps no order, so `extra_json` keeps the list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from qdpi.ids import from_microseconds, microseconds
from qdpi.page_schema import Edges, Page, Signals
from qdpi.store.columns import PAGE_COLUMNS, SIGNAL_COLUMNS, EdgeRow, as_json, edge_rows, edges_of, page_of, page_row

PAGE: Final = (*PAGE_COLUMNS, "at", "extra_json")
SIGNALS: Final = ("page_id", *SIGNAL_COLUMNS, "revision", "canon_revision", "extra_json")
EDGE: Final = ("page_id", "edge_type", "created_at", "target_id")
_SETS: Final = SIGNAL_COLUMNS[:3]
_LONGEST_IN_SET: Final = 1_000
"""Characters: Cassandra refuses more than 64 KB. The whole text is in `extra_json`."""


def page_values(page: Page) -> dict[str, Any]:
    """Return a page by columns."""
    return {**page_row(page), "created_at": page.created_at, "at": microseconds(page.created_at)}


def stored_page(row: Mapping[str, Any]) -> Page:
    """Return the page of such a row."""
    return page_of({**row, "created_at": from_microseconds(row["at"])})


def signal_values(page: Page) -> dict[str, Any]:
    """Return a page's signals by columns, `canon_revision` for canon pages alone."""
    signals = page.signals.model_dump(mode="json")
    sets = {name: {text[:_LONGEST_IN_SET] for text in signals[name]} for name in _SETS}
    return {
        "page_id": page.page_id,
        "revision": page.revision,
        "canon_revision": page.canon_revision if page.is_canon else None,
        "extra_json": as_json({"edges": page.edges.model_extra, "signals": signals}),
        **{name: signals[name] for name in SIGNAL_COLUMNS},
        **sets,
    }


def stored_signals(row: Mapping[str, Any]) -> Signals:
    """Return the signals of such a row."""
    return Signals.model_validate(json.loads(row["extra_json"])["signals"])


def edge_values(page: Page) -> list[dict[str, Any]]:
    """Return a page's edges by columns."""
    return [
        {**edge._asdict(), "page_id": page.page_id, "created_at": UUID(edge.created_at)} for edge in edge_rows(page)
    ]


def stored_edges(rows: Iterable[Mapping[str, Any]], signals: Mapping[str, Any]) -> Edges:
    """Return the edges of such rows, with the row of their page's signals."""
    edges = (EdgeRow(row["edge_type"], str(row["created_at"]), row["target_id"]) for row in rows)
    return edges_of(edges, signals["extra_json"])
