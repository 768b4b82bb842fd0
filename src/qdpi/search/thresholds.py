"""The bounds of a page's checks: stored rows of a book, never constants of the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from qdpi.errors import InvalidInput

CHECKS_VERSION = "checks/1"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The bounds of the checks for one book. Shares are 0..1 and a bound itself passes."""

    min_words: int = 60
    max_words: int = 600
    max_repeated_4grams: float = 0.10
    min_zlib_ratio: float = 0.34
    max_sentence_repeats: int = 2
    max_non_prose: float = 0.015
    max_capitals: float = 0.03
    min_function_words: float = 0.34
    max_function_words: float = 0.64
    min_known_bigrams: float = 0.40
    max_shared_8grams: float = 0.20
    max_copied_run: int = 40
    version: str = CHECKS_VERSION

    def as_dict(self) -> dict[str, int | float | str]:
        """The bounds as a JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Thresholds:
        """The bounds of a stored row. Raises InvalidInput where a field is missing, unknown or mistyped."""
        names = {field.name for field in fields(cls)}
        if names != stored.keys():
            raise InvalidInput(f"The fields of stored thresholds differ: {sorted(names ^ stored.keys())}.")
        wrong = sorted(name for name, value in stored.items() if not _fits(value, getattr(cls(), name)))
        if wrong:
            raise InvalidInput(f"Stored thresholds have fields of a wrong type: {wrong}.")
        return cls(**stored)  # type: ignore[arg-type]  # names and types were compared above


def _fits(value: object, default: object) -> bool:
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is type(default)
