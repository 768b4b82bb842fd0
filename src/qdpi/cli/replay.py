"""`qdpi replay`: compare a journey's projections with its outcomes by hash, and rewrite what differs.

With `--with` it runs the journey's presses again, with another model, program or policy, and stores nothing.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qdpi.cli.options import STORE, json_option, settings_options
from qdpi.settings import Settings

if TYPE_CHECKING:
    from qdpi.repair.replay import Replayed


@click.command()
@click.argument("sessions", nargs=-1, metavar="[SESSION...]")
@click.option("--all", "whole_store", is_flag=True, help="Every journey, and the pages of the book.")
@click.option("--check", is_flag=True, help="Compare only: write nothing.")
@click.option(
    "--with",
    "given",
    multiple=True,
    metavar="VARIANT",
    help="Run the presses again with another model (openai/NAME), program=FILE, policy=max_branch_depth=5,… or any "
    "setting as QDPI_TEMPERATURE=0, several together. An empty one is the settings as they are.",
)
@click.option("--limit", type=click.IntRange(1), help="With --with: run at most this many presses of each journey.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="With --with: write the pages here, too.")
@json_option
@settings_options(*STORE)
@click.pass_context
def replay(
    ctx: click.Context,
    sessions: tuple[str, ...],
    whole_store: bool,
    check: bool,
    given: tuple[str, ...],
    limit: int | None,
    html: Path | None,
    as_json: bool,
    settings: Settings,
) -> None:
    """Fold journeys again from their outcomes, and prove that the store holds what is derived from them.

    Pages, edges, signals, readings, vectors, index rows, the log, snapshots, section figures and vaults are
    hashed as they should be and as they are stored. Every vector is computed again from its page's text and
    compared up to rounding, and so is every reading that no outcome carries, such as the book's. Of the rows of
    presses and requests in the log only the presence is compared. Differences are named field by field and,
    unless --check is given, written again. Then everything is hashed once more. With --json each journey is a
    line.

    Exits with 0 if all are equal, with 1 if one is not.

    With --with the presses of the journeys are run again instead, in order: the same symbols, words, wishes and
    loci. Each page is shown beside the one that was written then. The store is only read, and the new pages are
    stored nowhere. With --json each press is a line. Interrupted, it ends with the presses so far.
    """
    from qdpi.ids import check_session

    if bool(sessions) == whole_store:
        raise click.UsageError("Give the ids of journeys, or --all.")
    named = tuple(dict.fromkeys(check_session(session.partition(".")[0]) for session in sessions))
    if not given:
        if limit or html:
            raise click.UsageError(f"{'--limit' if limit else '--html'} is for --with.")
        ctx.exit(asyncio.run(_replay(named, check, as_json, settings)))
    if whole_store or check:
        raise click.UsageError(f"--with takes the ids of journeys, not {'--all' if whole_store else '--check'}.")
    from qdpi.cli.run_again import run_again
    from qdpi.counterfactual.variant import parse_variant

    run_again(named, parse_variant(given, os.environ, settings), limit, html, as_json)


async def _replay(sessions: tuple[str, ...], check: bool, as_json: bool, settings: Settings) -> int:
    from qdpi.bootstrap import build_store, build_system
    from qdpi.cli.output import write_event
    from qdpi.repair.replay import replay_all, replay_named
    from qdpi.runtime.startup import open_store
    from qdpi.terminal.printable import printable

    different = 0
    async with open_store(build_system(settings, store=build_store(settings, repairing=True))) as system:
        played = replay_named(system, sessions, check=check) if sessions else replay_all(system, check=check)
        async for replayed in played:
            different += not replayed.after.equal
            write_event(_as_dict(replayed), lambda result: printable(_lines(result)), as_json)
    return int(different > 0)


def _as_dict(replayed: Replayed) -> dict[str, Any]:
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


def _lines(result: dict[str, Any]) -> str:
    word, sign = ("equal", "=") if result["equal"] else ("DIFFERENT", "≠")
    subject = result["journey"] or "the book"
    count = f"{result['outcomes']} {'outcome' if result['journey'] else 'page'}{'s' * (result['outcomes'] != 1)}"
    hashes = f"{result['wanted'][:16]} {sign} {result['found'][:16]}"
    rebuilt = f"; rebuilt {result['rebuilt']}" if result["rebuilt"] else ""
    head = f"{subject}: {count}, {hashes} {word}{rebuilt}"
    return "\n".join([head, *(_difference(each, result["equal"]) for each in result["differences"])])


def _difference(difference: dict[str, Any], rebuilt: bool) -> str:
    from qdpi.repair.findings import shown

    field = f".{difference['field']}" if difference["field"] else ""
    place = f"{difference['table']}/{difference['key']}{field}"
    verb, word = ("was", "now") if rebuilt else ("is", "due is")
    return f"  {place} {verb} {shown(difference['found'])}, {word} {shown(difference['wanted'])}"
