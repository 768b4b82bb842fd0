"""Word n-grams of the canon as 64-bit hashes, to measure what a page shares with the book word for word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from qdpi.search.text import words

Hashes = NDArray[np.uint64]
Flags = NDArray[np.bool_]

BIGRAM = 2
COPY_GRAM = 8
_MULTIPLIERS = tuple(pow(0x9E3779B97F4A7C15, place, 2**64) for place in range(1, COPY_GRAM + 1))


def _word_hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def hash_words(page: Sequence[str], known: dict[str, int] | None = None) -> Hashes:
    """Return one 64-bit hash for each word, the same in every process; `known` caches hashes of words."""
    seen = {} if known is None else known
    for word in page:
        if word not in seen:
            seen[word] = _word_hash(word)
    return np.fromiter((seen[word] for word in page), dtype=np.uint64, count=len(page))


def gram_hashes(hashed: Hashes, size: int) -> Hashes:
    """Return the hashes of a page's runs of `size` words, in order; shape [max(0, words - size + 1)].

    A polynomial in the word hashes modulo 2**64. Two different runs collide with probability 2**-64.
    """
    count = max(0, len(hashed) - size + 1)
    grams = np.zeros(count, dtype=np.uint64)
    for place in range(size):
        grams += hashed[place : place + count] * np.uint64(_MULTIPLIERS[place])
    return grams


def longest_run(flags: Flags) -> int:
    """Return the length of the longest run of true flags."""
    return max((sum(1 for _ in run) for flag, run in groupby(flags.tolist()) if flag), default=0)


@dataclass(frozen=True, slots=True, eq=False)
class GramSet:
    """The distinct n-grams of some pages, 8 bytes each, and whether more than one page has each."""

    hashes: Hashes
    """Sorted, distinct; shape [n]."""
    shared: Flags
    """Shape [n]: true where at least two pages have the n-gram."""

    @classmethod
    def of(cls, pages: Iterable[Hashes]) -> GramSet:
        """Return the set of the n-gram hashes of each page."""
        distinct = [np.unique(page) for page in pages]
        joined = np.concatenate(distinct) if distinct else np.zeros(0, dtype=np.uint64)
        hashes, counts = np.unique(joined, return_counts=True)
        return cls(hashes, counts > 1)

    def has(self, grams: Hashes, *, held_out: bool = False) -> Flags:
        """Return which n-grams are in the set; with `held_out`, which are on two pages or more. Shape as `grams`."""
        if not len(self.hashes):
            return np.zeros(len(grams), dtype=np.bool_)
        places = np.minimum(np.searchsorted(self.hashes, grams), len(self.hashes) - 1)
        found: Flags = self.hashes[places] == grams
        return found & self.shared[places] if held_out else found


@dataclass(frozen=True, slots=True, eq=False)
class CanonGrams:
    """The word bigrams and 8-grams of a book's canon, about 2.6 KB a page of 190 words.

    With `held_out` the text is itself a page of this canon: its n-grams count as known only where another
    page has them too, so that a page is measured against the rest of its book.
    """

    bigrams: GramSet
    eightgrams: GramSet
    pages: int

    @classmethod
    def build(cls, texts: Iterable[str]) -> CanonGrams:
        """Return the n-grams of the canon's page texts, given in any order."""
        known: dict[str, int] = {}
        hashed = [hash_words(words(text), known) for text in texts]
        return cls(
            GramSet.of(gram_hashes(page, BIGRAM) for page in hashed),
            GramSet.of(gram_hashes(page, COPY_GRAM) for page in hashed),
            len(hashed),
        )

    def known_bigrams(self, page: Sequence[str], *, held_out: bool = False) -> float:
        """Return the share 0..1 of a page's word bigrams that the canon has; 0 for a page without any."""
        flags = self.bigrams.has(gram_hashes(hash_words(page), BIGRAM), held_out=held_out)
        return float(flags.mean()) if len(flags) else 0.0

    def copied(self, page: Sequence[str], *, extra: Iterable[str] = (), held_out: bool = False) -> Flags:
        """Return which of a page's 8-grams the canon or one of the `extra` texts has, in order."""
        grams = gram_hashes(hash_words(page), COPY_GRAM)
        flags = self.eightgrams.has(grams, held_out=held_out)
        others = GramSet.of(gram_hashes(hash_words(words(text)), COPY_GRAM) for text in extra)
        return flags | others.has(grams)
