"""Search over the canon, a journey and its vault: one order of hits, read in pages by a cursor."""

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
from qdpi.page_schema import Scope
from qdpi.search.document import KINDS, Document
from qdpi.search.index import InvertedIndex, Scores
from qdpi.search.query import Filters, Query
from qdpi.search.ranking import Hit, Rows, SortKey

_MOST_DOCUMENTS: Final = 2**53
_BEGIN_AGAIN: Final = "Search again without a cursor."


@dataclass(frozen=True, slots=True)
class Library:
    """The indexes that a search reads: of the canon, of a journey's pages, and of its vault's notes.

    `saved` are the page ids of the vault. The documents of `notes` have the vault's labels as titles and its
    notes as texts. `dropped` holds saved pages that later revisions of the canon dropped.
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
    """One page of hits in order, the total over all pages, and whether more hits follow."""

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
    """Return at most `limit` hits, those after the sort key `after`. The words are weighed by the canon's index."""
    weights = library.canon.weigh(query)
    in_texts = [_matching(library, index, query, weights, filters, scope) for index in library.indexes(scope)]
    in_notes = _matching_notes(library, query, weights, filters, in_texts) if scope in {Scope.ALL, Scope.VAULT} else []
    note_keys = [hit.sort_key for hit in in_notes]
    negated = np.concatenate([*(-each.scores for each in in_texts), [key.negated_score for key in note_keys]])
    kinds = np.concatenate([*(each.index.kinds[each.rows] for each in in_texts), [key.kind for key in note_keys]])
    orders = np.concatenate([*(each.index.orders[each.rows] for each in in_texts), [key.order for key in note_keys]])
    later = _later(negated, kinds, orders, after)
    ranked = np.lexsort((orders, kinds, negated))
    following = ranked[later[ranked]]
    return Results(
        hits=tuple(_hit(int(place), in_texts, in_notes) for place in following[:limit]),
        total=len(negated),
        more=len(following) > limit,
    )


def _matching(
    library: Library, index: InvertedIndex, query: Query, weights: Mapping[str, float], filters: Filters, scope: Scope
) -> _Candidates:
    rows, scores = index.find(query, weights)
    keep = index.admitted(rows, filters)
    if scope is Scope.VAULT:
        keep &= np.isin(rows, [index.row_of[page] for page in library.saved if page in index.row_of])
    return _Candidates(index, rows[keep], scores[keep])


def _matching_notes(
    library: Library,
    query: Query,
    weights: Mapping[str, float],
    filters: Filters,
    in_texts: Sequence[_Candidates],
) -> list[Hit]:
    """Return the pages that match only by the vault's labels and notes."""
    if query.everything:
        return []
    rows, scores = library.notes.find(query, weights)
    hits = []
    for row, score in zip(rows, scores, strict=True):
        page_id = library.notes.documents[row].page_id
        document = library.document(page_id)
        if document is not None and filters.admits(document) and not any(_holds(each, page_id) for each in in_texts):
            hits.append(Hit(document, float(score), ("notes",)))
    return hits


def _holds(candidates: _Candidates, page_id: str) -> bool:
    row = candidates.index.row_of.get(page_id)
    place = np.searchsorted(candidates.rows, row) if row is not None else len(candidates.rows)
    return bool(place < len(candidates.rows) and candidates.rows[place] == row)


def _later(negated: Any, kinds: Any, orders: Any, after: SortKey | None) -> Any:
    """Return for each hit whether it sorts after a key."""
    if after is None:
        return np.ones(len(negated), np.bool_)
    behind = (kinds > after.kind) | ((kinds == after.kind) & (orders > after.order))
    return (negated > after.negated_score) | ((negated == after.negated_score) & behind)


def _hit(place: int, in_texts: Sequence[_Candidates], in_notes: Sequence[Hit]) -> Hit:
    for each in in_texts:
        if place < len(each.rows):
            return Hit(each.index.documents[each.rows[place]], float(each.scores[place]), ("lexical",))
        place -= len(each.rows)
    return in_notes[place]


def encode_cursor(key: SortKey, about: str) -> str:
    """Return a sort key as a cursor for clients; `about` describes the search, which the cursor belongs to."""
    fields = json.dumps([*key, _fingerprint(about)], separators=(",", ":"))
    return base64.urlsafe_b64encode(fields.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, about: str) -> SortKey:
    """Read a cursor. Raises `InvalidInput` where it is malformed or belongs to another search."""
    try:
        fields = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        negated_score, kind, order, fingerprint = fields
        key = SortKey(float(negated_score), int(kind), int(order))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _no_cursor(cursor) from error
    if not (math.isfinite(key.negated_score) and 0 <= key.kind < len(KINDS) and 0 <= key.order < _MOST_DOCUMENTS):
        raise _no_cursor(cursor)
    if fingerprint != _fingerprint(about):
        raise InvalidInput(f"{cursor[:80]!r} is the cursor of another search.", next_step=_BEGIN_AGAIN)
    return key


def _no_cursor(cursor: str) -> InvalidInput:
    return InvalidInput(f"{cursor[:80]!r} is not a cursor.", next_step=_BEGIN_AGAIN)


def _fingerprint(about: str) -> str:
    return sha256(about)[:12]
