"""The values of a run, from its input through its draft to the finished page, and its progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from qdpi.canon.edition import Edition
from qdpi.events import Phase, ReaderInput
from qdpi.journey import JourneyState
from qdpi.page_schema import ModelCall, Page, ProgramFile, Reading, Validation
from qdpi.policy.placement import Binding
from qdpi.program.brief import ReaderPage
from qdpi.program.plan import PagePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInput:
    """The input of a run: the symbol, the page pressed on, the journey so far, and the canon's edition.

    `page_id` is that of the page to be written, `asked` what its reader asks for, `kept` the stored reading of
    the page pressed on, and `reader_pages` the reader's own pages, the oldest first. `path` has the written pages
    between the ring and the page pressed on, the oldest first.
    """

    page_id: str
    symbol_code: int
    pressed: Page
    edition: Edition
    state: JourneyState = JourneyState()
    asked: ReaderInput = ReaderInput()
    kept: Reading | None = None
    reader_pages: Sequence[ReaderPage] = ()
    path: Sequence[Page] = ()


@dataclass(slots=True)
class Draft:
    """The page so far: the text, the plan, the model calls, and milliseconds by phase.

    `refused` has the reasons against an earlier text, `refused_text` that text. `validation` is the verdict on the last
    text, None until it is complete. `attempts` is the number of the newest attempt of any process.
    `trace` is a list in which DSPy's optimisers collect the calls; None where nothing is optimised. `program` is the
    saved program that writes, None for the program as its version has it.
    """

    text: str = ""
    plan: PagePlan | None = None
    calls: list[ModelCall] = field(default_factory=list)
    milliseconds: dict[str, float] = field(default_factory=dict)
    validation: Validation | None = None
    refused: tuple[str, ...] = ()
    refused_text: str = ""
    reworked: bool = False
    attempts: int = 0
    failures: list[str] = field(default_factory=list)
    trace: list[Any] | None = None
    program: ProgramFile | None = None


@dataclass(frozen=True, slots=True)
class FinishedPage:
    """A page, checked, read and bound."""

    text: str
    title: str
    reading: Reading
    binding: Binding
    validation: Validation


class RunProgress(Protocol):
    """The progress of a page being written, reported to its reader."""

    async def phase(self, phase: Phase) -> None:
        """Report a new phase."""

    async def begin(self) -> int:
        """Begin an attempt, whose text starts over, and return its number."""

    async def text(self, piece: str) -> None:
        """Report a piece of the attempt's text."""


class SilentProgress:
    """Progress that is not reported."""

    def __init__(self) -> None:
        self._attempts = 0

    async def phase(self, phase: Phase) -> None:
        """Ignore a new phase."""

    async def begin(self) -> int:
        """Begin an attempt and return its number."""
        self._attempts += 1
        return self._attempts

    async def text(self, piece: str) -> None:
        """Ignore a piece of text."""
