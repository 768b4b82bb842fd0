"""The part of `qdpi replay` that runs presses again: `--with`."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from qdpi.cli.errors import note
from qdpi.cli.output import check_writable, complete_file, write, write_event
from qdpi.counterfactual.columns import press_lines, summary_lines
from qdpi.counterfactual.compare import ComparedPress, as_json, compare, totals
from qdpi.counterfactual.report import report
from qdpi.counterfactual.variant import Variant
from qdpi.terminal.printable import printable

_ELSEWHERE = "Give another file with --html."


@dataclass(slots=True)
class RunPresses:
    """The presses that were run again so far, by the journey's name in the report, and remarks on them."""

    as_json: bool
    width: int
    journeys: dict[str, list[ComparedPress]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def take(self, name: str, press: ComparedPress) -> None:
        """Take in a press, and print it."""
        is_first = name not in self.journeys
        self.journeys.setdefault(name, []).append(press)
        if is_first and not self.as_json:
            write(f"Journey {press.journey}\n")
        if self.as_json:
            write_event(as_json(press), lambda _: "", as_json=True)
        else:
            write(printable("\n".join(press_lines(press, self.width))))

    def remark(self, sentence: str) -> None:
        """Say something that the report says, too."""
        self.remarks.append(sentence)
        note(sentence)

    def sum_up(self) -> None:
        """Print what each journey came to."""
        if not self.as_json:
            for presses in self.journeys.values():
                write(printable("\n".join(summary_lines(presses[0].journey, totals(presses)))))


def run_again(sessions: Sequence[str], variant: Variant, limit: int | None, html: Path | None, as_json: bool) -> None:
    """Run the presses of journeys again and show them; what was run is shown also where it is interrupted, or fails."""
    from qdpi.concurrency import until_terminated

    if html is not None:
        check_writable(html, _ELSEWHERE)
    done = RunPresses(as_json, shutil.get_terminal_size((100, 24)).columns)
    try:
        asyncio.run(until_terminated(_run_journeys(sessions, variant, limit, done)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        count = sum(map(len, done.journeys.values()))
        done.remark(f"Interrupted after {count} press{'es' * (count != 1)}.")
        raise KeyboardInterrupt from None
    finally:
        done.sum_up()
        if html is not None and done.journeys:
            _write_report(html, variant, done)


def _write_report(path: Path, variant: Variant, done: RunPresses) -> None:
    from qdpi.cli.output import redactor

    with complete_file(path, _ELSEWHERE) as stream:
        stream.write(redactor()(report(variant.described, done.remarks, done.journeys)).encode())
    note(f"Written: {path}")


async def _run_journeys(sessions: Sequence[str], variant: Variant, limit: int | None, done: RunPresses) -> None:
    from qdpi.bootstrap import build_model, build_system
    from qdpi.counterfactual.shadow import run_again as run_presses_again
    from qdpi.errors import InvalidInput, ModelUnreachable
    from qdpi.runtime.startup import open_model, open_store
    from qdpi.services.run import build_program

    settings = variant.settings
    model = await build_model(settings)
    program = build_program(settings, model)
    program.limits = variant.limits
    async with open_store(build_system(settings, read_only=True)) as system:
        for session in sessions:
            if not await system.store.head(session):
                raise InvalidInput(
                    f"{session!r} has no presses in this store.",
                    next_step="Give the id of a journey that has some.",
                )
        async with open_model(model):
            if reason := await model.check():
                raise ModelUnreachable(f"No press was run again. {reason}")
            if model.capabilities.draws:
                done.remark(f"{model.name} draws its words at random: run again, it writes other pages.")
            for session in sessions:
                name = system.journey_label(session)
                async with aclosing(run_presses_again(system, program, session, most=limit, tell=note)) as pairs:
                    async for pair in pairs:
                        done.take(name, compare(pair))
