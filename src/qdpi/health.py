"""What a part says of its own state to the person who runs it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable


class Health(StrEnum):
    """How a thing that was looked at is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Remark(NamedTuple):
    """How a thing is, and what to do where it is not well."""

    health: Health
    detail: str
    next_step: str = ""


@runtime_checkable
class Examinable(Protocol):
    """A part that knows more of its state than whether it answers: a bus or a store on servers of its own."""

    async def examine(self) -> list[Remark]:
        """Return a remark for each thing that can be amiss. Raises `Unavailable` while its servers are away."""
        ...
