"""What the page of a model that continues prose is turned by. Kept in the saved state of the program. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, NamedTuple

from qdpi.errors import InvalidInput


class Bounds(NamedTuple):
    """The least and the greatest value of a dial, and whether it is a whole number and may be None."""

    least: float
    greatest: float
    whole: bool = False
    optional: bool = False

    def allow(self, value: object) -> bool:
        """Return whether a dial may have a value."""
        if value is None:
            return self.optional
        number = int if self.whole else (int, float)
        return isinstance(value, number) and not isinstance(value, bool) and self.least <= value <= self.greatest

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.least:g} to {self.greatest:g}{', or null' if self.optional else ''}"


BOUNDS: Final[Mapping[str, Bounds]] = {
    "demos": Bounds(0, 8, whole=True),
    "demo_words": Bounds(20, 240, whole=True),
    "strength": Bounds(0, 4),
    "raised": Bounds(0, 4),
    "temperature": Bounds(0, 2, optional=True),
}


@dataclass(frozen=True, slots=True)
class Dials:
    """The settings of a page that is continued; each has its default where a saved program does not name it.

    Raises `InvalidInput` for a value outside of its bounds.
    """

    demos: int = 2
    """How many pairs of the voice's pages stand before the page at most: a page, and the one that follows it."""
    demo_words: int = 60
    """How many words of each page of a pair."""
    strength: float = 1.0
    """The factor of the voice's log-odds, for a model that is led by words; 0 leads it by none."""
    raised: float = 1.0
    """How much likelier the words that the reader asks with, and the names on the page, are made."""
    temperature: float | None = None
    """The temperature of a call; None leaves it to the model's server."""

    def __post_init__(self) -> None:
        for name, bounds in BOUNDS.items():
            if not bounds.allow(value := getattr(self, name)):
                raise InvalidInput(f"The dial {name} is {value!r:.80}; it is {bounds}.")

    def as_dict(self) -> dict[str, Any]:
        """Return the dials by name, as JSON keeps them."""
        return asdict(self)


def dials_of(given: object) -> Dials:
    """Return the dials of a mapping. Raises `InvalidInput` for an unknown one and for a value outside of its bounds."""
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{given!r:.80} is not a mapping of dials.")
    known = [each.name for each in fields(Dials)]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InvalidInput(f"{unknown[0]!r:.80} is no dial.", next_step=f"The dials are {', '.join(known)}.")
    return Dials(**given)
