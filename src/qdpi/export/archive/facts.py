"""A fact that two parts of an archive state, and how the two statements differ. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic_core import to_jsonable_python

_SHOWN: Final = 60
_MISSING: Final = object()


class Fact(NamedTuple):
    """What two parts say of one thing: each part by its name, and its value."""

    what: str
    first: str
    one: Any
    second: str
    other: Any

    def disagreement(self) -> str | None:
        """Return how the two values differ, None where they do not."""
        if self.one == self.other:
            return None
        found = first_difference(to_jsonable_python(self.one), to_jsonable_python(self.other), self.what)
        if found is None:
            return None
        path, one, other = found
        one, other = _around(one, other)
        return f"{path} is {shown(one)} in {self.first} and {shown(other)} in {self.second}"


def first_disagreement(facts: Iterator[Fact]) -> str | None:
    """Return the first disagreement of facts."""
    return next((found for fact in facts if (found := fact.disagreement())), None)


def first_difference(one: Any, other: Any, path: str) -> tuple[str, Any, Any] | None:
    """Return the path of the first part in which two plain values differ, and that part of both; None if in none."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        pairs = ((name, one.get(name, _MISSING), other.get(name, _MISSING)) for name in {**one, **other})
        found = (first_difference(a, b, f"{path}.{name}" if path else str(name)) for name, a, b in pairs)
        return next((difference for difference in found if difference), None)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        found = (first_difference(a, b, f"{path}[{n}]") for n, (a, b) in enumerate(zip(one, other, strict=True)))
        return next((difference for difference in found if difference), None)
    return None if one == other else (path or "the value", one, other)


def shown(value: Any) -> str:
    """Return a value to show in a sentence: short, on one line."""
    if value is _MISSING:
        return "absent"
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _around(one: Any, other: Any) -> tuple[Any, Any]:
    """Return two long texts cut to where they begin to differ; other values as they are."""
    if not (isinstance(one, str) and isinstance(other, str)) or max(len(one), len(other)) < _SHOWN - 4:
        return one, other
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, at - 12)
    cut = slice(start, start + 40)
    before = "…" if start else ""
    return f"{before}{one[cut]}", f"{before}{other[cut]}"
