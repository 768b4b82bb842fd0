"""`qdpi repair`: find the damage that crashes and lost writes have left, and repair it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from qdpi.cli.options import PARTS, json_option, settings_options
from qdpi.cli.output import table, write_event
from qdpi.settings import Settings
from qdpi.terminal.printable import printable

if TYPE_CHECKING:
    from qdpi.repair.findings import RepairResult


@click.command()
@click.argument("sessions", nargs=-1, metavar="[SESSION...]")
@click.option("--apply", is_flag=True, help="Repair what is found. Without it nothing is changed.")
@click.option("--emit-page-events", "emit", is_flag=True, help="With --apply: publish the status of every page again.")
@json_option
@settings_options(*PARTS, "page_events")
@click.pass_context
def repair(
    ctx: click.Context, sessions: tuple[str, ...], apply: bool, emit: bool, as_json: bool, settings: Settings
) -> None:
    """Find the damage that crashes and lost writes have left, and repair it with --apply.

    Examines every journey, or those named: pages, edges, signals, readings, vectors and index rows that are
    missing or differ from their outcome, rows of the log, snapshots and section figures behind it, vaults,
    outcomes that were never published, and presses that have no outcome and are in no worker's backlog.
    Without names it also examines the canon's pages and the topics of single pages that are empty. Work in
    flight is left alone, so it may run beside a system at work. With --json each finding is a line.

    Exits with 0 if there is no damage (any more), with 1 if there is.
    """
    from qdpi.ids import check_session

    if emit and not apply:
        raise click.UsageError("--emit-page-events publishes: give --apply with it.")
    named = tuple(check_session(session) for session in dict.fromkeys(sessions))
    ctx.exit(asyncio.run(_repair(named, apply, emit, as_json, settings)))


async def _repair(sessions: tuple[str, ...], apply: bool, emit: bool, as_json: bool, settings: Settings) -> int:
    from qdpi.bootstrap import build_store, build_system, opened
    from qdpi.cli.errors import count_line
    from qdpi.repair.repair import Repair, each
    from qdpi.repair.republish import republish_page_events

    async with opened(build_system(settings, store=build_store(settings, repairing=True))) as system:
        work = Repair(system, apply=apply, progress=count_line("Looking at journeys"))
        report = _Report(as_json, apply)
        async for result in work.of(sessions) if sessions else work.of_all():
            report.add(result)
        republished = None
        if emit:
            republished = await republish_page_events(system, each(sessions) if sessions else system.store.journeys())
    report.close(work.journeys, work.in_flight, republished)
    return int(report.damage > 0)


class _Report:
    """Prints findings on standard output, each as it is found. `damage` counts those that are not repaired."""

    def __init__(self, as_json: bool, apply: bool) -> None:
        self._as_json, self._apply = as_json, apply
        self._kinds: Counter[tuple[str, str]] = Counter()
        self.damage = 0

    def add(self, result: RepairResult) -> None:
        """Print a finding."""
        self._kinds[result.finding.name, result.finding.remedy.words] += 1
        self.damage += not result.mended
        write_event(_as_dict(result), lambda found: printable(_as_line(found, self._apply)), self._as_json)

    def close(self, journeys: int, in_flight: int, page_events: int | None) -> None:
        """Print the remedies and the totals."""
        found = self._kinds.total()
        totals = {
            "journeys": journeys,
            "found": found,
            "mended": found - self.damage,
            "in_flight": in_flight,
            "page_events": page_events,
        }
        write_event(totals, lambda total: "\n".join([*self._remedies(), _summary(total, self._apply)]), self._as_json)

    def _remedies(self) -> list[str]:
        rows = [(name, str(times), words) for (name, words), times in self._kinds.items()]
        return ["", *table(("name", "found", "what is done"), rows), ""] if rows else []


def _as_dict(result: RepairResult) -> dict[str, Any]:
    remedy = result.finding.remedy
    return {
        **result.finding._asdict(),
        "remedy": remedy.words,
        "can_be_mended": remedy.mends,
        "mended": result.mended,
        "cause": result.cause or None,
    }


def _as_line(found: Mapping[str, Any], apply: bool) -> str:
    state = ("repaired " if found["mended"] else "LEFT     ") if apply else ""
    journey = f"journey {found['journey']}, " if found["journey"] else ""
    cause = f"; it cannot be repaired: {found['cause']}" if found["cause"] else ""
    return f"{state}{found['name']}: {journey}{found['place']}: {found['detail']}{cause}"


def _summary(totals: Mapping[str, Any], apply: bool) -> str:
    journeys = f"{totals['journeys']} journey{'s' * (totals['journeys'] != 1)}"
    findings = f"{totals['found']} finding{'s' * (totals['found'] != 1)}"
    if not totals["found"]:
        words = f"No damage in {journeys}."
    elif apply:
        words = f"{totals['mended']} of {findings} in {journeys} repaired."
    else:
        words = f"{findings} in {journeys}. Nothing was changed. --apply repairs what can be repaired."
    if totals["in_flight"]:
        words += f" Left to the workers: {totals['in_flight']} in flight."
    if totals["page_events"] is not None:
        words += f" Published again: the status of {totals['page_events']} pages."
    return words
