"""The 256 symbols: sixteen characters times sixteen behaviours.

A symbol is one byte, `(character << 4) | behaviour`. A behaviour is an orientation (which phase of the run
leads) times a provenance (where its sources and its licence come from); `PROFILES` is the one table that
the program, the policy and the page read it from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypedDict

from qdpi.errors import InvalidSymbol


class Orientation(StrEnum):
    """Which phase of the run leads."""

    READ = "X"
    INDEX = "Y"
    ASK = "A"
    RECEIVE = "Z"


class Provenance(StrEnum):
    """Where the sources and the licence of a page come from."""

    CANON = "C"
    PARALLEL = "P"
    USER = "U"
    SYSTEM = "S"


class Trajectory(StrEnum):
    """Where a page leads: on in its section, back, to another section, or away without a target."""

    CONTINUE = "T0"
    LOOP = "T1"
    FORK = "T2"
    DRIFT = "T3"


class Source(StrEnum):
    """A kind of text that a page may draw on, beside its locus."""

    RING = "ring"
    CANON = "canon"
    PARALLEL = "parallel"
    VAULT = "vault"
    JOURNEY = "journey"


class Choice(StrEnum):
    """How a run's trajectory is chosen when the reader does not ask for one."""

    CONTINUE = "continue"
    FORK = "fork"
    WORDS = "words"
    SIGNALS = "signals"


class Behavior(TypedDict):
    """A behaviour's two halves, as single letters."""

    orientation: str
    provenance: str


CHARACTER_MAP: Final[dict[int, str]] = {
    0: "an-author",
    1: "london-fox",
    2: "glyph-marrow",
    3: "phillip-bafflemint",
    4: "jacklyn-variance",
    5: "oren-progresso",
    6: "old-natalie-weissman",
    7: "princhetta",
    8: "cop-e-right",
    9: "new-natalie-weissman",
    10: "arieol-owlist",
    11: "jack-parlance",
    12: "manny-valentinas",
    13: "shamrock-stillman",
    14: "todd-fishbone",
    15: "the-author",
}
"""Character 0..15 to slug."""

TRAJECTORY_SENTENCES: Final = {
    Trajectory.CONTINUE: "Go on from the page in its own section.",
    Trajectory.LOOP: "Come back: end where the page to return to can begin.",
    Trajectory.FORK: "Leave for the other section whose passage is given, and arrive there.",
    Trajectory.DRIFT: "Drift away from the page, without a goal.",
}
"""What a page of each trajectory does, as a model that continues prose is told it."""

CHARACTER_NAMES: Final[dict[int, str]] = {
    0: "an author",
    1: "London Fox",
    2: "Glyph Marrow",
    3: "Phillip Bafflemint",
    4: "Jacklyn Variance",
    5: "Oren Progresso",
    6: "Old Natalie Weissman",
    7: "Princhetta",
    8: "Cop-E-Right",
    9: "New Natalie Weissman",
    10: "Arieol Owlist",
    11: "Jack Parlance",
    12: "Manny Valentinas",
    13: "Shamrock Stillman",
    14: "Todd Fishbone",
    15: "The Author",
}
"""Character 0..15 to the name a reader sees."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What one of the sixteen behaviours does to a run.

    `plans`: whether a capable model is asked for a plan before the page. `passages`: the matter retrieved, in order of
    priority, and how many passages of each kind. `open`: the trajectories that the licence allows. `choice`: how the
    trajectory is chosen when the reader does not ask for one.
    """

    behavior: int
    orientation: Orientation
    provenance: Provenance
    meaning: str
    plans: bool
    passages: tuple[tuple[Source, int], ...]
    open: tuple[Trajectory, ...]
    choice: Choice

    @property
    def code(self) -> str:
        """The behaviour's two letters, such as `XC`."""
        return f"{self.orientation}{self.provenance}"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The kinds of matter that are retrieved, in order of priority."""
        return tuple(kind for kind, _ in self.passages)

    @property
    def most_passages(self) -> int:
        """How many passages a page draws on at most."""
        return sum(count for _, count in self.passages)


_MEANINGS: Final = (
    "Read, Canon",
    "Read, Parallel",
    "Read, User-driven",
    "Read, System-guided",
    "Index, Canon",
    "Index, Parallel",
    "Index, User memory",
    "Index, System memory",
    "Ask, Canon constraints",
    "Ask, Parallel constraints",
    "Ask, User intent",
    "Ask, System plan",
    "Receive, Canon-bounded generation",
    "Receive, Parallel generation",
    "Receive, User-prompted generation",
    "Receive, System-prompted generation",
)

_CHOICES: Final = {
    Provenance.CANON: Choice.CONTINUE,
    Provenance.PARALLEL: Choice.FORK,
    Provenance.USER: Choice.WORDS,
    Provenance.SYSTEM: Choice.SIGNALS,
}

# A close rereading stays near its page; the other phases look further, each in its provenance's direction.
_PASSAGES: Final[dict[tuple[Orientation, Provenance], tuple[tuple[Source, int], ...]]] = {
    (Orientation.READ, Provenance.CANON): ((Source.RING, 2),),
    (Orientation.READ, Provenance.PARALLEL): ((Source.PARALLEL, 2),),
    (Orientation.READ, Provenance.USER): ((Source.RING, 1), (Source.VAULT, 1)),
    (Orientation.READ, Provenance.SYSTEM): ((Source.RING, 1), (Source.JOURNEY, 1)),
    (Orientation.INDEX, Provenance.CANON): ((Source.CANON, 4),),
    (Orientation.INDEX, Provenance.PARALLEL): ((Source.PARALLEL, 2), (Source.CANON, 2)),
    (Orientation.INDEX, Provenance.USER): ((Source.CANON, 1), (Source.VAULT, 1), (Source.JOURNEY, 2)),
    (Orientation.INDEX, Provenance.SYSTEM): ((Source.CANON, 2), (Source.JOURNEY, 2)),
    (Orientation.ASK, Provenance.CANON): ((Source.RING, 1), (Source.CANON, 2)),
    (Orientation.ASK, Provenance.PARALLEL): ((Source.PARALLEL, 1), (Source.RING, 2)),
    (Orientation.ASK, Provenance.USER): ((Source.CANON, 1), (Source.VAULT, 2)),
    (Orientation.ASK, Provenance.SYSTEM): ((Source.CANON, 1), (Source.RING, 1), (Source.JOURNEY, 1)),
    (Orientation.RECEIVE, Provenance.CANON): ((Source.CANON, 1), (Source.RING, 1)),
    (Orientation.RECEIVE, Provenance.PARALLEL): ((Source.PARALLEL, 2),),
    (Orientation.RECEIVE, Provenance.USER): ((Source.VAULT, 1), (Source.CANON, 1)),
    (Orientation.RECEIVE, Provenance.SYSTEM): ((Source.JOURNEY, 1), (Source.CANON, 1)),
}
"""What each behaviour reads, and how many passages of each kind at most; the last kind has what the others leave."""


def _licence(orientation: Orientation, provenance: Provenance) -> tuple[Trajectory, ...]:
    licence: tuple[Trajectory, ...] = (Trajectory.CONTINUE, Trajectory.LOOP)
    if provenance is not Provenance.CANON:
        licence += (Trajectory.FORK,)
    if (orientation, provenance) == (Orientation.RECEIVE, Provenance.SYSTEM):
        licence += (Trajectory.DRIFT,)
    return licence


def _profile(behavior: int) -> Profile:
    orientation = tuple(Orientation)[behavior >> 2]
    provenance = tuple(Provenance)[behavior & 3]
    return Profile(
        behavior=behavior,
        orientation=orientation,
        provenance=provenance,
        meaning=_MEANINGS[behavior],
        plans=orientation in {Orientation.ASK, Orientation.RECEIVE},
        passages=_PASSAGES[orientation, provenance],
        open=_licence(orientation, provenance),
        choice=_CHOICES[provenance],
    )


PROFILES: Final[tuple[Profile, ...]] = tuple(_profile(behavior) for behavior in range(16))
"""The sixteen behaviours, in the order of their nibble."""

BEHAVIOR_MAP: Final[dict[int, Behavior]] = {
    p.behavior: {"orientation": p.orientation.value, "provenance": p.provenance.value} for p in PROFILES
}
"""Behaviour 0..15 to its orientation and provenance."""

_BEHAVIORS_BY_CODE: Final = {profile.code: profile.behavior for profile in PROFILES}
_CHARACTERS_BY_SLUG: Final = {slug: character for character, slug in CHARACTER_MAP.items()}
_DECIMAL: Final = re.compile(r"[0-9]{1,3}", re.ASCII)
_HEX: Final = re.compile(r"0[xX][0-9a-fA-F]{1,2}", re.ASCII)


def encode_symbol(char_hex: int, behavior: int) -> int:
    """Return the symbol code 0..255 of a character and a behaviour, each 0..15.

    Raises `InvalidSymbol` for a nibble out of range.
    """
    for name, nibble in (("character", char_hex), ("behaviour", behavior)):
        if not 0 <= nibble <= 15:
            raise InvalidSymbol(f"{name} {nibble!r} is not in 0..15.")
    return (char_hex << 4) | behavior


def decode_symbol(symbol_code: int) -> tuple[int, int]:
    """Return the character and the behaviour of a symbol code. Raises `InvalidSymbol` outside 0..255."""
    if not 0 <= symbol_code <= 255:
        raise InvalidSymbol(f"{symbol_code!r} is not a symbol code.")
    return symbol_code >> 4, symbol_code & 0xF


def profile_of(symbol_code: int) -> Profile:
    """Return the profile of a symbol's behaviour. Raises `InvalidSymbol` outside 0..255."""
    return PROFILES[decode_symbol(symbol_code)[1]]


def symbol_name(symbol_code: int) -> str:
    """Return a symbol's name, such as `an-author:XC`. Raises `InvalidSymbol` outside 0..255."""
    character, behavior = decode_symbol(symbol_code)
    return f"{CHARACTER_MAP[character]}:{PROFILES[behavior].code}"


def parse_symbol(text: str | int) -> int:
    """Read a symbol code from `0`..`255`, `0x00`..`0xFF` or a name such as `an-author:XC`.

    Names ignore case, and a character may also be given by its display name. Raises `InvalidSymbol`.
    """
    if isinstance(text, int):
        decode_symbol(text)
        return text
    stripped = text.strip()
    if _DECIMAL.fullmatch(stripped):
        return parse_symbol(int(stripped))
    if _HEX.fullmatch(stripped):
        return int(stripped, 16)
    character, _, behavior = stripped.rpartition(":")
    try:
        return encode_symbol(
            _CHARACTERS_BY_SLUG[character_slug(character)], _BEHAVIORS_BY_CODE[behavior.strip().upper()]
        )
    except KeyError:
        raise InvalidSymbol(f"{stripped[:80]!r} is not a symbol.") from None


def character_slug(name: str) -> str:
    """Return a character's name in the form of a slug: lower case, words joined by hyphens."""
    return re.sub(r"[\s_]+", "-", name.strip().lower())
