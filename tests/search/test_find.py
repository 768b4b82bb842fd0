"""Search: the hits, their order, filters and scopes, and paging by a cursor."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdpi.errors import InvalidInput
from qdpi.page_schema import EdgeType, Scope
from qdpi.search.document import Document
from qdpi.search.find import Library, Results, decode_cursor, encode_cursor, find
from qdpi.search.index import InvertedIndex, extended
from qdpi.search.query import Filters, read_filters, read_query
from qdpi.search.ranking import SortKey
from qdpi.search.text import folded
from qdpi.symbols import Trajectory


def document(number: int = 1, text: str = "The door.", **changes: Any) -> Document:
    fields: dict[str, Any] = {
        "page_id": f"S01-P{number:04d}",
        "kind": "canon",
        "order": number,
        "title": "Untold",
        "text": text,
        "section": 1,
        "symbol_code": 0,
        "trajectory": Trajectory.CONTINUE,
        "page_num": number,
    }
    return Document(**fields | changes)


def own(number: int, text: str, **changes: Any) -> Document:
    return document(number, text, **{"page_id": f"own-{number}", "kind": "journey", "title": "Untold", **changes})


def library(*documents: Document, saved: frozenset[str] = frozenset(), notes: tuple[Document, ...] = ()) -> Library:
    canon = InvertedIndex([each for each in documents if each.kind == "canon"])
    journey = extended((), [each for each in documents if each.kind == "journey"])
    return Library(canon, journey, saved, InvertedIndex(notes))


def ids(found: Results) -> list[str]:
    return [hit.document.page_id for hit in found.hits]


def search(held: Library, q: str, filters: Filters | None = None, **options: Any) -> list[str]:
    return ids(find(held, read_query(q), filters or Filters(), **{"limit": 1_000, **options}))


def test_hit_holds_every_word_and_phrase():
    """A page must hold every word and every phrase."""
    held = library(
        document(1, "The red door is shut."), document(2, "A door, red with rust."), document(3, "The red wall."),
        document(4, "Red doors everywhere; the red-door inn."),
    )  # fmt: skip
    assert sorted(search(held, "red door")) == ["S01-P0001", "S01-P0002", "S01-P0004"]
    assert sorted(search(held, '"red door"')) == ["S01-P0001", "S01-P0004"]
    assert search(held, '"red door" inn') == ["S01-P0004"]
    assert search(held, '"door red"') == ["S01-P0002"]
    assert search(held, "red nowhere") == []


def test_phrase_does_not_span_title_and_text():
    """A phrase does not reach from the title into the text."""
    held = library(document(1, "End of it.", title="The beginning"))
    assert search(held, '"the beginning"') == ["S01-P0001"]
    assert search(held, '"beginning end"') == []
    assert search(held, "beginning end") == ["S01-P0001"]


def test_case_accents_apostrophes_and_plurals_are_ignored():
    """Case, accents, apostrophes and plurals do not matter."""
    held = library(document(1, "The captain’s CAFÉS are naïve."))
    for q in ("captain", "captain's", "cafe", "CAFÉ", "naive", "“captain's cafés”"):
        assert search(held, q) == ["S01-P0001"]


def test_score_rises_with_frequency_brevity_and_title():
    """A page ranks higher for more occurrences, for a shorter text, and for the word in its title."""
    held = library(
        document(1, "door " + "word " * 300), document(2, "door door door " + "word " * 50),
        document(3, "door " + "word " * 50),
        document(4, "door " + "word " * 50, title="The door"),
    )  # fmt: skip
    assert search(held, "door")[0] in {"S01-P0002", "S01-P0004"}
    assert search(held, "door")[2:] == ["S01-P0003", "S01-P0001"]


def test_ties_put_canon_first_then_reading_order():
    """Of equal scores the canon comes first; then the order is that of the ring and of the journey."""
    held = library(
        own(2, "A door."),
        document(9, "A door.", title="Untold"),
        own(1, "A door."),
        document(3, "A door.", title="Untold"),
    )
    assert search(held, "door") == ["S01-P0003", "S01-P0009", "own-1", "own-2"]
    assert search(held, "*") == ["S01-P0003", "S01-P0009", "own-1", "own-2"]


def test_scope_limits_to_canon_journey_or_vault():
    """A scope limits a search to the canon, the journey or the vault."""
    held = library(
        document(1), document(2), own(1, "A door."), own(2, "A door."), saved=frozenset({"S01-P0002", "own-1", "x"})
    )
    assert set(search(held, "door")) == {"S01-P0001", "S01-P0002", "own-1", "own-2"}
    assert search(held, "door", scope=Scope.CANON) == ["S01-P0001", "S01-P0002"]
    assert search(held, "door", scope=Scope.JOURNEY) == ["own-1", "own-2"]
    assert sorted(search(held, "door", scope=Scope.VAULT)) == ["S01-P0002", "own-1"]
    assert sorted(search(held, "*", scope=Scope.VAULT)) == ["S01-P0002", "own-1"]


def test_filters_limit_hits():
    """Filters limit the hits."""
    held = library(
        document(1, section=1, symbol_code=0x00, edges=((EdgeType.NEXT, "S01-P0002"),)),
        document(2, section=2, symbol_code=0x1D, edges=((EdgeType.NEXT, "S01-P0003"), (EdgeType.FORK, "S01-P0001"))),
        own(1, "A door.", section=2, symbol_code=0x10, trajectory=Trajectory.FORK,
            edges=((EdgeType.FORK, "S01-P0002"), (EdgeType.MIRROR, "S01-P0001"))),
    )  # fmt: skip
    asks: dict[str, dict[str, str]] = {
        "S01-P0001": {"section": "1"},
        "S01-P0002": {"behavior": "ZP"},
        "own-1": {"trajectory": "T2"},
    }
    for page, asked in asks.items():
        assert search(held, "door", read_filters(**asked)) == [page]
        assert search(held, "*", read_filters(**asked)) == [page]
    assert search(held, "door", read_filters(character="1")) == ["S01-P0002", "own-1"]
    assert search(held, "door", read_filters(edge="FORK")) == ["S01-P0002", "own-1"]
    assert search(held, "door", read_filters(edge="S01-P0002")) == ["S01-P0001", "own-1"]
    assert search(held, "door", read_filters(edge="NEXT,S01-P0001")) == []
    assert search(held, "door", read_filters(edge="FORK,S01-P0001")) == ["S01-P0002"]


def test_labels_and_notes_match_once_per_page():
    """Labels and notes are found and a page found in its text comes once."""
    note = document(1, "the door of my dreams", title="Favourite")
    held = library(document(1), document(2, "A wall."), saved=frozenset({"S01-P0001"}), notes=(note,))
    assert search(held, "door") == ["S01-P0001"]
    found = find(held, read_query("favourite dream"), Filters())
    assert [(hit.document.page_id, hit.noted) for hit in found.hits] == [("S01-P0001", True)]
    assert found.hits[0].document.text == "The door."
    assert search(held, "dreams", scope=Scope.VAULT) == ["S01-P0001"]
    assert search(held, "dreams", scope=Scope.CANON) == []
    assert search(held, "dreams", read_filters(section="2")) == []


def test_note_on_a_missing_page_is_ignored():
    """A note on a page that no longer exists is ignored."""
    held = library(document(2), saved=frozenset({"gone"}), notes=(document(1, "dreams", page_id="gone"),))
    assert search(held, "dreams") == []


WORDS = ["door", "key", "red", "blue", "the", "of", "lamps", "night"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


@settings(max_examples=60)
@given(st.lists(TEXTS, max_size=25), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3), st.integers(1, 7))
def test_paging_returns_each_hit_once_in_order(texts: list[str], q: list[str], limit: int):
    """Read page by page, every hit comes exactly once, in the order of the whole result."""
    documents = [
        own(n, text, title="") if n % 3 else document(n, text, title="") for n, text in enumerate(texts, start=1)
    ]
    held, query = library(*documents), read_query(" ".join(q))
    everything = find(held, query, Filters(), limit=1_000)
    matching = {each.page_id for each in documents if query.stems <= {folded(word)[1] for word in each.text.split()}}
    assert set(ids(everything)) == matching
    assert (everything.total, everything.more) == (len(matching), False)
    assert everything.hits == tuple(sorted(everything.hits, key=lambda hit: hit.sort_key))
    read, after = list[str](), None
    while True:
        part = find(held, query, Filters(), after=after, limit=limit)
        assert part.total == len(matching)
        read += ids(part)
        if not part.more:
            break
        after = part.hits[-1].sort_key
    assert read == ids(everything)


@settings(max_examples=60)
@given(st.lists(TEXTS, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_later_pages_do_not_reorder_earlier_hits(texts: list[str], chance: random.Random):
    """Pages added later do not reorder the hits found before."""
    documents = [own(n, text) for n, text in enumerate(texts, start=1)]
    canon, at = InvertedIndex([document(99)]), chance.randrange(len(documents))
    before = Library(canon, extended((), documents[:at]))
    after = Library(canon, extended(before.journey, documents[at:]))
    for q in ("door", "the red", "*"):
        first, then = (find(each, read_query(q), Filters(), limit=1_000) for each in (before, after))
        assert [hit for hit in then.hits if hit in first.hits] == list(first.hits)


@given(st.lists(st.integers(1, 5), max_size=60))
def test_extended_keeps_few_indexes_and_every_page(sizes: list[int]):
    """Adding pages one by one keeps few indexes and loses none."""
    indexes: tuple[InvertedIndex, ...] = ()
    number = 0
    for size in sizes:
        indexes = extended(indexes, [own(number + n, "a door") for n in range(size)])
        number += size
    assert sum(map(len, indexes)) == number
    assert len(indexes) <= 12
    assert [each.order for index in indexes for each in index.documents] == list(range(number))


def test_cursor_roundtrip_in_its_own_search():
    """A cursor is read back in its own search, and refused in another."""
    place = SortKey(-3.141593, 1, 17)
    cursor = encode_cursor(place, "this")
    assert decode_cursor(cursor, "this") == place
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    with pytest.raises(InvalidInput, match="another search"):
        decode_cursor(cursor, "that")


@pytest.mark.parametrize("cursor", ["", "x", "é", "bnVsbA", "W10", "WzEsMl0", "e30", "/" * 5_000, "WzEsMiwzLCJ4Iiwi"])
def test_malformed_cursor_is_refused(cursor: str):
    """A malformed cursor is refused."""
    with pytest.raises(InvalidInput, match="cursor"):
        decode_cursor(cursor, "this")


def test_empty_library_has_no_hits():
    """A search of an empty library has no hits."""
    assert search(library(), "door") == []
    assert search(library(), "*") == []
