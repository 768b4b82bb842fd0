"""`qdpi repair`: what a crash between two writes has left, found and mended."""

from __future__ import annotations

import asyncio

import click

from qdpi.cli.options import PARTS, json_option, settings_options
from qdpi.settings import Settings


@click.command()
@click.argument("sessions", nargs=-1, metavar="[SESSION...]")
@click.option("--apply", is_flag=True, help="Mend what is found. Without it nothing is changed.")
@click.option("--emit-page-events", "emit", is_flag=True, help="With --apply: tell the status of every page again.")
@json_option
@settings_options(*PARTS, "page_events")
@click.pass_context
def repair(
    ctx: click.Context, sessions: tuple[str, ...], apply: bool, emit: bool, as_json: bool, settings: Settings
) -> None:
    """Find what a crash between two writes has left, and mend it with --apply.

    Looks at every journey, or at those named: pages, edges, signals, readings, vectors and index rows that
    are missing or not as their outcome has them, rows of the log, snapshots and section figures behind it,
    vaults, outcomes that were never published, and presses without an outcome that nobody is to give one.
    Without names it also looks at the canon's pages and at topics of single pages that are empty. What is
    merely in flight is left alone, so it may run beside a system at work. With --json each finding is a line.

    Exits with 0 when nothing is amiss (any more), with 1 when something is.
    """
    from qdpi.ids import check_session

    if emit and not apply:
        raise click.UsageError("--emit-page-events publishes: give --apply with it.")
    named = tuple(check_session(session) for session in dict.fromkeys(sessions))
    ctx.exit(asyncio.run(_repair(named, apply, emit, as_json, settings)))


async def _repair(sessions: tuple[str, ...], apply: bool, emit: bool, as_json: bool, settings: Settings) -> int:
    from qdpi.bootstrap import build_store, build_system, opened
    from qdpi.cli.damage import Report
    from qdpi.cli.errors import count_line
    from qdpi.repair.repair import Repair, each
    from qdpi.repair.republish import republish_page_events

    async with opened(build_system(settings, store=build_store(settings, repairing=True))) as system:
        work = Repair(system, apply=apply, progress=count_line("Looking at journeys"))
        report = Report(as_json, apply)
        async for mended in work.of(sessions) if sessions else work.of_all():
            report.tell(mended)
        told = None
        if emit:
            told = await republish_page_events(system, each(sessions) if sessions else system.store.journeys())
    report.close(work.journeys, work.in_flight, told)
    return int(report.amiss > 0)
