"""Queries: words, phrases in quotes, and filters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from qdpi.errors import InvalidInput
from qdpi.page_schema import EdgeType
from qdpi.search.document import Document
from qdpi.search.text import tokens
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES, PROFILES, Trajectory

LONGEST: Final = 4_000
"""The most characters of a query."""
EVERYTHING: Final = "*"
_QUOTED: Final = re.compile(r'["“”„]([^"“”„]*)["“”„]')


@dataclass(frozen=True, slots=True)
class Query:
    """What a page must hold: all `stems`, and all `phrases`, which are runs of words in their spelling.

    An empty query matches every page.
    """

    stems: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether the query matches every page."""
        return not self.stems


def read_query(text: str) -> Query:
    """Read words and quoted phrases; all other characters separate words. `*` matches every page.

    Raises `InvalidInput` for more than 4,000 characters, and for a query without a word.
    """
    if len(text) > LONGEST:
        raise InvalidInput(
            f"q has {len(text):,} characters, and {LONGEST:,} may be searched for.", next_step="Give fewer words."
        )
    if text.strip() == EVERYTHING:
        return Query()
    plain = unicodedata.normalize("NFC", text)
    found = list(tokens(plain))
    if not found:
        raise InvalidInput(
            "q is empty." if not text.strip() else f"{text.strip()[:80]!r} holds no word to search for.",
            next_step="Give words or a phrase in quotes, or * for every page.",
        )
    quoted = ([token.word for token in tokens(quote)] for quote in _QUOTED.findall(plain))
    return Query(
        stems=frozenset(token.stem for token in found),
        phrases=tuple(dict.fromkeys(spaced(words) for words in quoted if words)),
    )


def spaced(words: list[str]) -> str:
    """Return words in the form in which phrases are compared."""
    return f" {' '.join(words)} "


@dataclass(frozen=True, slots=True)
class Filters:
    """Which documents to return; None admits any. `edge_types` and `edge_targets` must both hold for one same edge."""

    characters: frozenset[int] | None = None
    sections: frozenset[int] | None = None
    behaviors: frozenset[int] | None = None
    trajectories: frozenset[Trajectory] | None = None
    edge_types: frozenset[EdgeType] | None = None
    edge_targets: frozenset[str] | None = None

    def admits(self, document: Document) -> bool:
        """Return whether the filters admit a document."""
        return (
            _admits(self.characters, document.character)
            and _admits(self.sections, document.section)
            and _admits(self.behaviors, document.behavior)
            and _admits(self.trajectories, document.trajectory)
            and self._admits_edges(document)
        )

    def _admits_edges(self, document: Document) -> bool:
        if self.edge_types is None and self.edge_targets is None:
            return True
        return any(_admits(self.edge_types, kind) and _admits(self.edge_targets, to) for kind, to in document.edges)


def _admits(wanted: frozenset[Any] | None, value: object) -> bool:
    return wanted is None or value in wanted


_SLUGS: Final = {slug: character for character, slug in CHARACTER_MAP.items()}
_NAMES: Final = {name.lower(): character for character, name in CHARACTER_NAMES.items()}
_CODES: Final = {profile.code.lower(): profile.behavior for profile in PROFILES}


def read_filters(
    character: str | None = None,
    section: str | None = None,
    behavior: str | None = None,
    trajectory: str | None = None,
    edge: str | None = None,
) -> Filters:
    """Read filters, each a list of values separated by commas.

    A character is 0..15, a slug or a name; a section 1..16; a behaviour 0..15 or a code such as XC; a trajectory
    T0..T3; an edge a type (NEXT, LOOP, FORK, MIRROR) or the page id that it leads to. Raises `InvalidInput`.
    """
    kinds = {kind.value for kind in EdgeType}
    edges = _parts(edge)
    return Filters(
        characters=_read("character", character, {**_numbers(0, 15), **_SLUGS, **_NAMES}),
        sections=_read("section", section, _numbers(1, 16)),
        behaviors=_read("behavior", behavior, {**_numbers(0, 15), **_CODES}),
        trajectories=_read("trajectory", trajectory, {each.value.lower(): each for each in Trajectory}),
        edge_types=frozenset(EdgeType(e.upper()) for e in edges if e.upper() in kinds) or None,
        edge_targets=frozenset(e for e in edges if e.upper() not in kinds) or None,
    )


def _numbers(first: int, last: int) -> dict[str, int]:
    return {str(number): number for number in range(first, last + 1)}


def _parts(listed: str | None) -> list[str]:
    return [part.strip() for part in (listed or "").split(",") if part.strip()]


def _read(name: str, listed: str | None, known: Mapping[str, Any]) -> frozenset[Any] | None:
    parts = _parts(listed)
    for part in parts:
        if part.lower() not in known:
            raise InvalidInput(
                f"{name} is {part[:80]!r}, which is none of {', '.join(list(known)[:40])}.",
                next_step="Give one of these, or several parted by commas.",
            )
    return frozenset(known[part.lower()] for part in parts) or None
