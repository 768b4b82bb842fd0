"""The commands of a reader: one table for the line mode, the full screen's command line, and the help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from qdpi.errors import InvalidInput, InvalidSymbol
from qdpi.symbols import Trajectory, parse_symbol
from qdpi.terminal import render
from qdpi.terminal.reader import ReaderSession

Output = RenderableType | None
_LISTED: Final = 50
"""How many of the newest outcomes `pages` lists."""


class Quit(Exception):
    """The reader quits."""


class Command(NamedTuple):
    """A command: its names, the shortest last, its argument, its help text, and its function."""

    names: tuple[str, ...]
    argument: str
    about: str
    do: Callable[[ReaderSession, str], Awaitable[Output]]
    immediate: bool = False
    """Whether the command runs while a page is being written."""


async def run_command(reader: ReaderSession, line: str) -> Output:
    """Run a command line and return its output. Raises `InvalidInput` for an unknown command, and `Quit`."""
    name, _, argument = line.strip().partition(" ")
    if not name:
        return None
    return await command_of(name).do(reader, argument.strip())


def command_of(name: str) -> Command:
    """Return the command of a name. Raises `InvalidInput`."""
    for command in COMMANDS:
        if name.lower() in command.names:
            return command
    raise InvalidInput(f"{name!r:.80} is no command.", next_step="`help` lists them.")


async def _read(reader: ReaderSession, argument: str) -> Output:
    return render.page_view(reader.here, reader.canon)


async def _next(reader: ReaderSession, argument: str) -> Output:
    await reader.next_page()
    return await _read(reader, "")


async def _previous(reader: ReaderSession, argument: str) -> Output:
    await reader.previous_page()
    return await _read(reader, "")


async def _go(reader: ReaderSession, argument: str) -> Output:
    await reader.go(_required(argument, "go S01-P0001, or go with a title"))
    return await _read(reader, "")


async def _return(reader: ReaderSession, argument: str) -> Output:
    await reader.return_to_ring()
    return await _read(reader, "")


async def _press(reader: ReaderSession, argument: str) -> Output:
    symbol, words, wish = pressed(_required(argument, "press 0x1F, press an-author:XC or press 1f"))
    await reader.press(symbol, words or None, wish)
    return None


def pressed(argument: str) -> tuple[int, str, Trajectory | None]:
    """Parse the argument of `press`: a symbol, optionally a wish such as T2, then words. Raises `InvalidSymbol`.

    A symbol may also be two hex digits.
    """
    symbol, _, rest = argument.partition(" ")
    wish, _, words = rest.strip().partition(" ")
    if wish.upper() in set(Trajectory):
        return symbol_of(symbol), words.strip(), Trajectory(wish.upper())
    return symbol_of(symbol), rest.strip(), None


def symbol_of(word: str) -> int:
    """Return the symbol of a code, a name or two hex digits; two digits are hex."""
    if len(word) == 2:
        try:
            return int(word, 16)
        except ValueError:
            raise InvalidSymbol(f"{word!r} is not a symbol: two digits are character and behaviour, in hex.") from None
    return parse_symbol(word)


async def _ask(reader: ReaderSession, argument: str) -> Output:
    await reader.ask(_required(argument, "ask Who left the door open?"))
    return None


async def _again(reader: ReaderSession, argument: str) -> Output:
    await reader.again()
    return None


async def _stop(reader: ReaderSession, argument: str) -> Output:
    return None if await reader.stop() else Text("Nothing is being written.")


async def _symbols(reader: ReaderSession, argument: str) -> Output:
    preview = await reader.preview()
    if argument:
        return render.symbol_view(preview, symbol_of(argument), await reader.client.voices())
    statistics = await reader.client.run_statistics()
    return Group(render.grid_view(preview), *render.usual_lines(statistics))


async def _branches(reader: ReaderSession, argument: str) -> Output:
    return render.branches_view(await reader.journey())


async def _pages(reader: ReaderSession, argument: str) -> Output:
    return render.pages_view(await reader.client.tree(reader.session_id), _LISTED)


async def _alternatives(reader: ReaderSession, argument: str) -> Output:
    return render.siblings_view(await reader.siblings())


async def _other(reader: ReaderSession, argument: str) -> Output:
    await reader.open_sibling(-1 if argument.startswith("-") else 1)
    return Group(await _read(reader, "") or "", render.place_line(await reader.siblings()))


async def _vault(reader: ReaderSession, argument: str) -> Output:
    return render.vault_view(await reader.client.vault(reader.session_id))


async def _save(reader: ReaderSession, argument: str) -> Output:
    saved = await reader.client.save(reader.session_id, reader.here.page_id, label=argument or None)
    label = saved.entry.label if saved.entry else ""
    return render.plain(f"Saved: {reader.here.title}{f', as {label}' if label else ''}.")


async def _label(reader: ReaderSession, argument: str) -> Output:
    return await _save(reader, _required(argument, "label the open door"))


async def _unsave(reader: ReaderSession, argument: str) -> Output:
    await reader.client.unsave(reader.session_id, argument or reader.here.page_id)
    return Text("It is not in the vault any more.")


async def _search(reader: ReaderSession, argument: str) -> Output:
    words = _required(argument, 'search lantern "open door"')
    return render.search_view(await reader.client.search(words, session_id=reader.session_id, limit=8))


async def _why(reader: ReaderSession, argument: str) -> Output:
    page = argument or reader.here.page_id
    return render.receipt_view(await reader.client.receipt(page, session_id=reader.session_id))


async def _ring(reader: ReaderSession, argument: str) -> Output:
    return render.ring_view(reader.canon, reader.page) if reader.canon else None


async def _where(reader: ReaderSession, argument: str) -> Output:
    journey, about = await reader.journey(), await reader.client.about()
    place, ring = await reader.client.place(reader.session_id), reader.canon.ring if reader.canon else ()
    return Group(
        render.plain(f"{reader.here.title} ({render.short_id(reader.here.page_id)})"),
        Text(render.journey_status(journey)),
        render.limits_line(journey, about),
        Text(f"Read: {place.canon_read} of the book's {len(ring)} pages, {place.pages_read} of those written."),
        render.plain(f"Who writes: {about.writer.label}"),
        render.plain(f"Session {reader.session_id}: it grants access to this journey."),
    )


async def _help(reader: ReaderSession, argument: str) -> Output:
    return help_view()


async def _quit(reader: ReaderSession, argument: str) -> Output:
    raise Quit


def _required(argument: str, example: str) -> str:
    if not argument:
        raise InvalidInput("The argument of the command is missing.", next_step=f"Example: {example}")
    return argument


COMMANDS: Final = (
    Command(("read", "."), "", "show the page again", _read),
    Command(("next", "n"), "", "the page that follows", _next),
    Command(("previous", "prev", "p"), "", "the page before: of a written page, where it was pressed", _previous),
    Command(("go", "g"), "PAGE", "go to a page: its id or how it begins, its title, its number, or #7 of `pages`", _go),
    Command(("return", "home", "r"), "", "back to the ring", _return),
    Command(("press", "s"), "SYMBOL [T0…T3] [WORDS]", "press a symbol: 1f, 0x1F, an-author:XC", _press),
    Command(("ask", "a"), "WORDS", "ask in words", _ask),
    Command(("again",), "", "press the page's symbol again where it was pressed: a sibling", _again),
    Command(("stop", "x"), "", "stop the page that is being written, and keep its text so far", _stop, immediate=True),
    Command(("symbols", "y"), "[SYMBOL]", "what each symbol would do here, and what is closed", _symbols),
    Command(("branches", "b"), "", "the branches that have not come back", _branches),
    Command(("pages", "t"), "", "what was written in this journey", _pages),
    Command(("alternatives", "alt"), "", "what else was written at this place", _alternatives),
    Command(("other", "o"), "[-]", "the next of them, or with - the one before", _other),
    Command(("vault", "v"), "", "the pages that you saved", _vault),
    Command(("save", "k"), "[LABEL]", "save the page", _save),
    Command(("label", "l"), "LABEL", "label the page in the vault", _label),
    Command(("unsave", "u"), "[ID]", "take the page out of the vault", _unsave),
    Command(("search", "f", "/"), "WORDS", "search the book, your pages and your vault", _search),
    Command(("why", "w"), "", "why the page is what it is: its receipt", _why),
    Command(("ring", "j"), "", "the sections of the book", _ring),
    Command(("where", "i"), "", "where you are, what you owe, who writes, your session", _where),
    Command(("help", "h", "?"), "", "this list", _help, immediate=True),
    Command(("quit", "q"), "", "leave; the journey is kept", _quit),
)
"""Every command, in the order of the help."""


def help_view() -> RenderableType:
    """Return the commands, one a line."""
    rows = [[", ".join(each.names), each.argument, each.about] for each in COMMANDS]
    return render.columns(rows)
