"""`qdpi run-symbol SYMBOL`: one run of the program, without the bus and without a journey."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from qdpi.cli.options import MODEL, STORE, json_option, settings_options
from qdpi.settings import Settings


@click.command()
@click.argument("symbol")
@click.option("--page", metavar="ID", help="The page to press on, such as S01-P0001; without it, the first.")
@click.option("--intent", metavar="WORDS", default="", help="What the reader says with the press.")
@click.option(
    "--trajectory",
    metavar="T",
    help="The trajectory wished for: T0 continue, T1 loop back, T2 fork, T3 drift. The policy decides.",
)
@json_option
@settings_options(*MODEL, *STORE, "book")
def run_symbol(
    symbol: str, page: str | None, intent: str, trajectory: str | None, as_json: bool, settings: Settings
) -> None:
    """Press SYMBOL on a page of the book and print the page that it writes.

    SYMBOL is 0..255, 0x00..0xFF or a name such as an-author:XC. Nothing is kept: no journey, no event.
    """
    from qdpi.api.requests import check_words
    from qdpi.cli.output import answer
    from qdpi.cli.written_page import told_page
    from qdpi.symbols import parse_symbol

    code, words = parse_symbol(symbol), check_words(intent)
    answer(asyncio.run(_run(code, page, words, trajectory, settings)), told_page, as_json)


async def _run(code: int, page: str | None, words: str, wish: str | None, settings: Settings) -> dict[str, Any]:
    from qdpi.bootstrap import build_system, ensure_book
    from qdpi.cli.errors import progress_line
    from qdpi.cli.opening import chosen_model, model_open, store_open
    from qdpi.program import QDPIProgram

    trajectory = wished(wish)
    model = await chosen_model(settings)
    async with store_open(build_system(settings)) as system, model_open(model):
        await ensure_book(system, progress_line("Taking in the book"))
        edition = await system.catalog.current()
        program = QDPIProgram(edition, model, timeout=settings.model_timeout)
        prediction = await program.aforward(code, words, page, trajectory=trajectory)
        return {"symbol_code": code, "page": page or edition.ring.first, "model": model.name, **prediction.toDict()}


def wished(name: str | None) -> Any:
    """Return the trajectory of a name such as T2, in whatever case. Raises `InvalidInput`."""
    from qdpi.errors import InvalidInput
    from qdpi.symbols import Trajectory

    try:
        return Trajectory(name.strip().upper()) if name else None
    except ValueError:
        allowed = ", ".join(Trajectory)
        raise InvalidInput(f"{name!r:.80} is not a trajectory.", next_step=f"Give one of {allowed}.") from None
