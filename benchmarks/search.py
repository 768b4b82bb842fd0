"""Benchmark of search: building the index and querying it, at 710 and at 20,000 pages of made-up words.

Times are processor times, since a search does no I/O.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from qdpi.page_schema import EdgeType, Scope
from qdpi.search.document import Document
from qdpi.search.find import Library, find
from qdpi.search.index import InvertedIndex
from qdpi.search.lookup import PageLookup
from qdpi.search.query import Filters, read_filters, read_query
from qdpi.search.snippets import snippet
from qdpi.symbols import Trajectory

SIZES: Final = (710, 20_000)
TURNS: Final = 41
PAGE: Final = 20


def main() -> None:
    """Measure, and print a line for each figure."""
    for size in SIZES:
        documents = _documents(size)
        began = time.process_time()
        library = Library(InvertedIndex(documents))
        lookup = PageLookup(library.canon)
        print(f"search index of {size:,} pages: built in {time.process_time() - began:.2f} s")
        for name, ask in _asks(library, lookup).items():
            print(f"  {name}: p50 {statistics.median(_times(ask)) * 1000:.2f} ms")


def _documents(size: int) -> list[Document]:
    chance = random.Random(7)
    vocabulary = [f"{a}{b}{c}" for a in "bdklmnrst" for b in ("a", "e", "ing", "ou") for c in _ENDS]
    weights = [1 / (rank + 3) for rank in range(len(vocabulary))]
    return [
        Document(
            page_id=f"S{number % 16 + 1:02d}-P{number:05d}",
            kind="canon",
            order=number,
            title=" ".join(chance.choices(vocabulary, weights, k=3)),
            text=" ".join(chance.choices(vocabulary, weights, k=186)),
            section=number % 16 + 1,
            symbol_code=number % 256,
            trajectory=Trajectory.CONTINUE,
            edges=((EdgeType.NEXT, f"S01-P{number + 1:05d}"),),
            page_num=number,
        )
        for number in range(size)
    ]


_ENDS: Final = [f"{v}{c}{e}" for v in "aeiou" for c in ("ld", "m", "nt", "r", "st") for e in ("", "er", "le", "y")]


def _asks(library: Library, lookup: PageLookup) -> dict[str, Callable[[], object]]:
    text = library.canon.documents[77].text.split()
    counted = Counter(word for document in library.canon.documents[:200] for word in document.text.split())
    (first, _), (second, _) = counted.most_common(2)
    rare, common = text[3], f"{first} {second}"

    def ask(q: str, filters: Filters | None = None, scope: Scope = Scope.ALL) -> Callable[[], object]:
        def answer() -> object:
            query = read_query(q)
            found = find(library, query, filters or Filters(), scope=scope, limit=PAGE)
            return [snippet(hit.document.text, query) for hit in found.hits]

        return answer

    regex = "(?:.*[a-z]+)+$|" * 250
    return {
        "one word": ask(rare),
        "two common words": ask(common),
        "a phrase of three words": ask(f'"{" ".join(text[10:13])}"'),
        "everything": ask("*"),
        "everything of a character": ask("*", read_filters(character="3")),
        "4,000 characters of regular expressions": ask(regex[:4_000]),
        "a whole page": ask(" ".join(text)[:4_000]),
        "go to a title": lambda: lookup.match(library.canon.documents[99].title[:-2]),
        "go to an id": lambda: lookup.match("S03-P00100"),
    }


def _times(ask: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(TURNS):
        began = time.process_time()
        ask()
        times.append(time.process_time() - began)
    return times


if __name__ == "__main__":
    main()
