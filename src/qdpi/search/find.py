"""Finding: what of the canon, of a journey and of its vault answers a query, in one order, page by page."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from qdpi.errors import InvalidInput
from qdpi.ids import sha256
from qdpi.search.document import KINDS, Document
from qdpi.search.index import InvertedIndex, Scores
from qdpi.search.query import Filters, Query, Scope
from qdpi.search.ranking import Hit, Rows, SortKey

_MOST_DOCUMENTS: Final = 2**53
_BEGIN_AGAIN: Final = "Search again without a cursor."


@dataclass(frozen=True, slots=True)
class Library:
    """What is searched: the canon's index, those of a journey's pages, its vault's page ids, and of its notes.

    The documents of `notes` have a vault's labels for titles and its notes for texts. `dropped` are saved pages
    that the canon holds no more.
    """

    canon: InvertedIndex
    journey: Sequence[InvertedIndex] = ()
    saved: frozenset[str] = frozenset()
    notes: InvertedIndex = field(default_factory=lambda: InvertedIndex(()))
    dropped: InvertedIndex = field(default_factory=lambda: InvertedIndex(()))

    def indexes(self, scope: Scope) -> Sequence[InvertedIndex]:
        """Return the indexes of a scope's pages."""
        if scope is Scope.CANON:
            return (self.canon,)
        return tuple(self.journey) if scope is Scope.JOURNEY else (self.canon, *self.journey, self.dropped)

    def document(self, page_id: str) -> Document | None:
        """Return a document by its page id."""
        for index in self.indexes(Scope.ALL):
            row = index.row_of.get(page_id)
            if row is not None:
                return index.documents[row]
        return None


class Results(NamedTuple):
    """Hits in their order, how many there are in all, and whether some follow these."""

    hits: tuple[Hit, ...]
    total: int
    more: bool


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Hits of one index as columns, so that tens of thousands sort at once: hit `i` is `documents[rows[i]]`."""

    index: InvertedIndex
    rows: Rows
    scores: Scores


def find(
    library: Library,
    query: Query,
    filters: Filters,
    *,
    scope: Scope = Scope.ALL,
    after: SortKey | None = None,
    limit: int = 20,
) -> Results:
    """Return the hits that follow a place, at most `limit`. Scores weigh words as the canon has them."""
    weights = library.canon.weigh(query)
    written = [_written(library, index, query, weights, filters, scope) for index in library.indexes(scope)]
    noted = _noted(library, query, weights, filters, written) if scope in {Scope.ALL, Scope.VAULT} else []
    falls = np.concatenate([*(-each.scores for each in written), [hit.sort_key.negated_score for hit in noted]])
    kinds = np.concatenate([*(each.index.kinds[each.rows] for each in written), [hit.sort_key.kind for hit in noted]])
    orders = np.concatenate(
        [*(each.index.orders[each.rows] for each in written), [hit.sort_key.order for hit in noted]]
    )
    later = _later(falls, kinds, orders, after)
    ranked = np.lexsort((orders, kinds, falls))
    following = ranked[later[ranked]]
    return Results(
        hits=tuple(_hit(int(place), written, noted) for place in following[:limit]),
        total=len(falls),
        more=len(following) > limit,
    )


def _written(
    library: Library, index: InvertedIndex, query: Query, weights: Mapping[str, float], filters: Filters, scope: Scope
) -> _Candidates:
    rows, scores = index.find(query, weights)
    keep = index.admitted(rows, filters)
    if scope is Scope.VAULT:
        keep &= np.isin(rows, [index.row_of[page] for page in library.saved if page in index.row_of])
    return _Candidates(index, rows[keep], scores[keep])


def _noted(
    library: Library,
    query: Query,
    weights: Mapping[str, float],
    filters: Filters,
    written: Sequence[_Candidates],
) -> list[Hit]:
    """Return what only the vault's labels and notes answer."""
    if query.everything:
        return []
    rows, scores = library.notes.find(query, weights)
    hits = []
    for row, score in zip(rows, scores, strict=True):
        page_id = library.notes.documents[row].page_id
        document = library.document(page_id)
        if document is not None and filters.admits(document) and not any(_holds(each, page_id) for each in written):
            hits.append(Hit(document, float(score), ("notes",)))
    return hits


def _holds(candidates: _Candidates, page_id: str) -> bool:
    row = candidates.index.row_of.get(page_id)
    place = np.searchsorted(candidates.rows, row) if row is not None else len(candidates.rows)
    return bool(place < len(candidates.rows) and candidates.rows[place] == row)


def _later(falls: Any, kinds: Any, orders: Any, after: SortKey | None) -> Any:
    """Tell which hits stand behind a place."""
    if after is None:
        return np.ones(len(falls), np.bool_)
    behind = (kinds > after.kind) | ((kinds == after.kind) & (orders > after.order))
    return (falls > after.negated_score) | ((falls == after.negated_score) & behind)


def _hit(place: int, written: Sequence[_Candidates], noted: Sequence[Hit]) -> Hit:
    for each in written:
        if place < len(each.rows):
            return Hit(each.index.documents[each.rows[place]], float(each.scores[place]), ("lexical",))
        place -= len(each.rows)
    return noted[place]


def encode_cursor(place: SortKey, about: str) -> str:
    """Return a place as a client gives it back; `about` is what was searched for."""
    told = json.dumps([*place, _fingerprint(about)], separators=(",", ":"))
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, about: str) -> SortKey:
    """Read a cursor. Raises `InvalidInput` where it is none, or one of another search."""
    try:
        told = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        fall, kind, order, fingerprint = told
        place = SortKey(float(fall), int(kind), int(order))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _no_cursor(cursor) from error
    if not (math.isfinite(place.negated_score) and 0 <= place.kind < len(KINDS) and 0 <= place.order < _MOST_DOCUMENTS):
        raise _no_cursor(cursor)
    if fingerprint != _fingerprint(about):
        raise InvalidInput(f"{cursor[:80]!r} is the cursor of another search.", next_step=_BEGIN_AGAIN)
    return place


def _no_cursor(cursor: str) -> InvalidInput:
    return InvalidInput(f"{cursor[:80]!r} is no cursor.", next_step=_BEGIN_AGAIN)


def _fingerprint(about: str) -> str:
    return sha256(about)[:12]
