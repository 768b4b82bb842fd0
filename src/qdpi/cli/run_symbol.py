"""`qdpi run-symbol SYMBOL`: one run of the program, without bus and journey."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click

from qdpi.cli.options import MODEL, STORE, json_option, settings_options
from qdpi.settings import Settings

_WIDTH: Final = 88


@click.command()
@click.argument("symbol")
@click.option("--page", metavar="ID", help="The page to press on, such as S01-P0001; without it, the first.")
@click.option("--intent", metavar="WORDS", default="", help="The reader's words with the press.")
@click.option(
    "--trajectory",
    metavar="T",
    help="The wished trajectory: T0 continue, T1 loop back, T2 fork, T3 drift. The policy decides.",
)
@click.option("--show-prompt", is_flag=True, help="Also print what the model is sent, before the page.")
@json_option
@settings_options(*MODEL, *STORE, "book")
def run_symbol(
    symbol: str,
    page: str | None,
    intent: str,
    trajectory: str | None,
    show_prompt: bool,
    as_json: bool,
    settings: Settings,
) -> None:
    """Press SYMBOL on a page of the book and print the page that it writes.

    SYMBOL is 0..255, 0x00..0xFF or a name such as an-author:XC. Nothing is stored: no journey, no event.
    """
    from qdpi.api.requests import check_words
    from qdpi.cli.output import answer
    from qdpi.symbols import parse_symbol

    code, words = parse_symbol(symbol), check_words(intent)
    prompts: list[dict[str, Any]] = []
    said = asyncio.run(_run(code, page, words, trajectory, settings, prompts))
    answer(said | ({"prompts": prompts} if show_prompt else {}), page_lines, as_json)


async def _run(
    code: int, page: str | None, words: str, wish: str | None, settings: Settings, prompts: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return a run's prediction, and append each prompt of it to `prompts`."""
    from qdpi.bootstrap import build_model, build_system, ensure_book
    from qdpi.cli.errors import progress_line
    from qdpi.runtime.startup import open_model, open_store
    from qdpi.services.run import build_program

    trajectory = wished(wish)
    model = await build_model(settings)
    async with open_store(build_system(settings)) as system, open_model(model):
        await ensure_book(system, progress_line("Ingesting the book"))
        edition = await system.editions.current()

        def keep(phase: str, messages: Sequence[Mapping[str, str]]) -> None:
            prompts.append({"phase": phase, "messages": list(messages)})

        program = build_program(settings, model, edition, keep)
        prediction = await program.aforward(code, words, page, trajectory=trajectory)
        return {
            "symbol_code": code,
            "page": page or edition.ring.first,
            "model": model.name,
            "program": program.saved.model_dump(mode="json") if program.saved else None,
            **prediction.toDict(),
        }


def wished(name: str | None) -> Any:
    """Return the trajectory of a name such as T2, in either case. Raises `InvalidInput`."""
    from qdpi.errors import InvalidInput
    from qdpi.symbols import Trajectory

    try:
        return Trajectory(name.strip().upper()) if name else None
    except ValueError:
        allowed = ", ".join(Trajectory)
        raise InvalidInput(f"{name!r:.80} is not a trajectory.", next_step=f"Give one of {allowed}.") from None


def page_lines(page: Mapping[str, Any]) -> str:
    """Return a run's prediction as text: its prompts where there are any, the page, then how it came about."""
    return "\n".join((*_prompts(page), page["title"], "", *_paragraphs(page["page_text"]), *_facts(page)))


def _prompts(page: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the model was sent, as it was sent: each message under its phase and role."""
    for prompt in page.get("prompts", ()):
        for message in prompt["messages"]:
            yield f"--- {prompt['phase']}: {message['role']}"
            yield from (*message["content"].splitlines(), "")


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.splitlines():
        yield textwrap.fill(paragraph, _WIDTH)


def _facts(page: Mapping[str, Any]) -> Iterator[str]:
    from qdpi.symbols import symbol_name

    policy, validation = page["policy"], page["validation"]
    yield ""
    yield f"symbol      {symbol_name(page['symbol_code'])} (0x{page['symbol_code']:02X}) at {page['page']}"
    yield f"trajectory  {policy['given']}{_wish(policy)}, by the rule {policy['rule']}"
    yield from (f"            {reason}" for reason in policy["reasons"])
    yield f"returns to  {page['return_to']}"
    yield f"edges       {_edges(page['edges'])}"
    yield f"checks      {'passed' if validation['passed'] else 'not passed'}{', reworked' * validation['reworked']}"
    yield from (f"            {reason}" for reason in validation["reasons"])
    yield f"written by  {page['model']}{_program(page['program'])}"


def _wish(policy: Mapping[str, Any]) -> str:
    return f" ({policy['wished']} was wished)" if policy["wished"] else ""


def _program(saved: Mapping[str, Any] | None) -> str:
    return f", by the saved program {saved['name']} ({saved['sha256'][:12]})" if saved else ""


def _edges(edges: Mapping[str, Any]) -> str:
    single = [(name, [edges[name]]) for name in ("next_within", "loop_back_to") if edges[name]]
    many = [(name, edges[name]) for name in ("forks", "mirrors") if edges[name]]
    return "; ".join(f"{name} {', '.join(targets)}" for name, targets in (*single, *many)) or "none"
