"""A projection: a derived table's row in the table of projections, and what it says of its rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from qdpi.store.ports import PageStore
from qdpi.topology import Component

Columns = Mapping[str, Any]
"""The compared columns of a row, as JSON."""
PRESENT: Final[Columns] = {"there": True}
"""The columns of a row of which only the presence is compared."""

S = TypeVar("S")


class Remedy(NamedTuple):
    """What is done about damage, in a sentence. Where `mends` is false, a person must act."""

    words: str
    mends: bool = True


Write: TypeAlias = Callable[[PageStore, Sequence[S]], Awaitable[None]]
"""Writes the rows due from some sources; repeating it changes nothing. Tables written together share a write."""


@dataclass(frozen=True, eq=False)
class Projection(Generic[S]):
    """A derived table. `S` is what a row is derived from: a page, an event, an outcome or a journey.

    `noun` names the row in findings (`page-missing`). `writer` is the worker that first writes the table: a
    difference is in flight while its cause is in that worker's backlog. `due` returns the row to expect and `read` the
    stored one, None for no row; `columns` returns what is compared of a row, given the row that is due. `version` is
    the column, if any, that makes a row older or newer than the one due. `remedies` holds the conditions that need
    another remedy than `remedy`. `write` is None for a table that is never rewritten. `column_label` words a column's
    name for people.
    """

    table: str
    noun: str
    writer: Component
    due: Callable[[S], Any]
    read: Callable[[PageStore, S], Awaitable[Any]]
    columns: Callable[[Any, Any], Columns]
    write: Write[S] | None
    remedy: Remedy
    remedies: Mapping[str, Remedy] = field(default_factory=dict)
    version: str = ""
    column_label: str = "{}"


def model_columns(row: Any, due: Any) -> Columns:
    """Return every field of a row that is a pydantic model."""
    columns: Columns = row.model_dump(mode="json")
    return columns


def same_columns(row: Columns, due: Columns) -> Columns:
    """Return a row that is its columns already."""
    return row
