"""A run from what it is given, through its draft, to the page that is finished; and who watches it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from qdpi.canon.edition import Edition
from qdpi.events import Phase, ReaderInput
from qdpi.journey import JourneyState
from qdpi.page_schema import ModelCall, Page, Reading, Validation
from qdpi.policy.placement import Binding
from qdpi.program.brief import ReaderPage


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInput:
    """What one run is given: the symbol, the page pressed on, the journey so far, and the canon's edition.

    `page_id` is that of the page to be written, `asked` what its reader asks for, `kept` the pressed page's
    reading where one is kept, and `reader_pages` the reader's own, the oldest first.
    """

    page_id: str
    symbol_code: int
    pressed: Page
    edition: Edition
    state: JourneyState = JourneyState()
    asked: ReaderInput = ReaderInput()
    kept: Reading | None = None
    reader_pages: Sequence[ReaderPage] = ()


@dataclass(slots=True)
class Draft:
    """What was written so far: the text, the plan, the calls made, and milliseconds by phase.

    `refused` has the reasons against an earlier text where there was one; `validation` is the verdict on the
    last, None until it is whole. `attempts` is the number of the newest attempt, by whichever process.
    """

    text: str = ""
    plan: dict[str, Any] = field(default_factory=dict)
    calls: list[ModelCall] = field(default_factory=list)
    milliseconds: dict[str, float] = field(default_factory=dict)
    validation: Validation | None = None
    refused: tuple[str, ...] = ()
    reworked: bool = False
    attempts: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FinishedPage:
    """A page, checked, read and bound."""

    text: str
    title: str
    reading: Reading
    binding: Binding
    validation: Validation


class RunProgress(Protocol):
    """Who watches a page being written."""

    async def phase(self, phase: Phase) -> None:
        """Hear of a new phase."""

    async def begin(self) -> int:
        """Give the number of a new attempt, whose text starts over."""

    async def text(self, piece: str) -> None:
        """Hear a piece of the attempt's text."""


class SilentProgress:
    """Progress that nobody watches."""

    def __init__(self) -> None:
        self._attempts = 0

    async def phase(self, phase: Phase) -> None:
        """Hear of a new phase."""

    async def begin(self) -> int:
        """Give the number of a new attempt."""
        self._attempts += 1
        return self._attempts

    async def text(self, piece: str) -> None:
        """Hear a piece of text."""
