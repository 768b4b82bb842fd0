"""Health checks that an adapter runs on its own servers, for `qdpi doctor`."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable


class Health(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class HealthCheck(NamedTuple):
    """One check: its result, a sentence about it, and what to do unless it is OK."""

    health: Health
    detail: str
    next_step: str = ""


@runtime_checkable
class Diagnosable(Protocol):
    """A bus or a store that checks more than whether its servers answer."""

    async def diagnose(self) -> list[HealthCheck]:
        """Return all checks, those that passed included. Raises `Unavailable` during an outage."""
        ...
