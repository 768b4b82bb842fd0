"""`qdpi replay`: a journey's projections, written again from its log and proved equal by hash."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from qdpi.cli.options import STORE, json_option, settings_options
from qdpi.settings import Settings


@click.command()
@click.argument("sessions", nargs=-1, metavar="[SESSION...]")
@click.option("--all", "whole_store", is_flag=True, help="Every journey, and the pages of the book.")
@click.option("--check", is_flag=True, help="Compare only: write nothing.")
@json_option
@settings_options(*STORE)
@click.pass_context
def replay(
    ctx: click.Context, sessions: tuple[str, ...], whole_store: bool, check: bool, as_json: bool, settings: Settings
) -> None:
    """Fold journeys anew from their outcomes, and prove that the store shows what they come to.

    Pages, edges, signals, readings, vectors, index rows, the log, snapshots, section figures and vaults are
    hashed as the outcomes call for them and as they are found. Every vector is made anew from its page's text
    and compared but for rounding, and so is every reading that no outcome tells, which are the book's. Of the
    rows of presses and requests in the log it counts that they are there. What differs is named field by field
    and, unless --check is given, written again; then it is hashed once more. With --json each journey is a line.

    Exits with 0 when all are equal, with 1 when one is not.
    """
    from qdpi.ids import check_session

    if bool(sessions) == whole_store:
        raise click.UsageError("Give the ids of journeys, or --all.")
    named = tuple(check_session(session) for session in dict.fromkeys(sessions))
    ctx.exit(asyncio.run(_replay(named, check, as_json, settings)))


async def _replay(sessions: tuple[str, ...], check: bool, as_json: bool, settings: Settings) -> int:
    from qdpi.bootstrap import build_store, build_system
    from qdpi.cli.opening import store_open
    from qdpi.cli.output import line
    from qdpi.repair.replay import replay_all, replay_named
    from qdpi.terminal.printable import printable

    different = 0
    async with store_open(build_system(settings, store=build_store(settings, repairing=True))) as system:
        played = replay_named(system, sessions, check=check) if sessions else replay_all(system, check=check)
        async for replayed in played:
            different += not replayed.after.equal
            told = _told(replayed)
            click.echo(line(told) if as_json else printable(_lines(told)))
    return int(different > 0)


def _told(replayed: Any) -> dict[str, Any]:
    before, after = replayed
    return {
        "journey": after.journey,
        "outcomes": after.outcomes,
        "wanted": after.wanted,
        "found": after.found,
        "equal": after.equal,
        "rebuilt": len(before.differences) - len(after.differences) if not before.equal else 0,
        "differences": [difference._asdict() for difference in (after if not after.equal else before).differences],
    }


def _lines(told: dict[str, Any]) -> str:
    word, sign = ("equal", "=") if told["equal"] else ("DIFFERENT", "≠")
    whose = told["journey"] or "the book"
    things = f"{'outcome' if told['journey'] else 'page'}{'s' * (told['outcomes'] != 1)}"
    rebuilt = f"; rebuilt {told['rebuilt']}" if told["rebuilt"] else ""
    head = f"{whose}: {told['outcomes']} {things}, {told['wanted'][:16]} {sign} {told['found'][:16]} {word}{rebuilt}"
    return "\n".join([head, *(_difference(each, told["equal"]) for each in told["differences"])])


def _difference(difference: dict[str, Any], rebuilt: bool) -> str:
    from qdpi.repair.findings import shown

    field = f".{difference['field']}" if difference["field"] else ""
    place = f"{difference['table']}/{difference['key']}{field}"
    verb, word = ("was", "now") if rebuilt else ("is", "due is")
    return f"  {place} {verb} {shown(difference['found'])}, {word} {shown(difference['wanted'])}"
