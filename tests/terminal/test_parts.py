"""The parts of the terminal reader that need no gateway."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType
from tests.support import factories

from qdpi.api.responses import CanonShape, PageView, ReceiptView, SectionEntry
from qdpi.errors import InvalidInput, InvalidSetting, InvalidSymbol
from qdpi.page_schema import PageStatus, Tokens
from qdpi.symbols import Trajectory
from qdpi.terminal import render
from qdpi.terminal.commands import COMMANDS, command_of, help_view, pressed, symbol_of
from qdpi.terminal.last_session import SavedSessions
from qdpi.terminal.reader import ActiveRun
from qdpi.terminal.typewriter import Typewriter


def shown(what: RenderableType, width: int = 60, **options: object) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, **options).print(what)  # type: ignore[arg-type]
    return out.getvalue()


def page(**changes: object) -> PageView:
    return PageView(**dict(factories.generated_page(**changes)), grown_from=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("saved", "said"), [({}, "small.json (cccccccccccc)"), ({"program": None}, "")])
def test_receipt_names_the_saved_program_that_wrote(saved: dict[str, Any], said: str):
    kept = dict(factories.receipt(**saved))
    facts: dict[str, Any] = {
        "page_id": "a-page", "seq": 1, "locus": "S01-P0001", "symbol_code": 0, "trajectory": Trajectory.CONTINUE,
        "status": PageStatus.COMPLETE, "committed_at": factories.BEGINNING, "tokens": Tokens(),
        "total_milliseconds": 12.5,
    }  # fmt: skip
    told = shown(render.receipt_view(ReceiptView(**kept, **facts)))
    assert ("program" in told) == bool(said)
    assert said in told


def test_session_file_is_private(tmp_path: Path):
    kept = SavedSessions(tmp_path / "new" / "sessions.json")
    assert kept.session_of("here") is None
    kept.keep("here", "alice")
    kept.keep("http://elsewhere", "bob")
    assert (kept.session_of("here"), kept.session_of("http://elsewhere")) == ("alice", "bob")
    assert stat.S_IMODE(kept.file.stat().st_mode) == 0o600
    assert [each.name for each in kept.file.parent.iterdir()] == ["sessions.json"]


def test_session_file_permissions_repaired(tmp_path: Path):
    """A file that others could read becomes private when it is written again."""
    kept = SavedSessions(tmp_path / "sessions.json")
    kept.file.write_text(json.dumps({"here": "alice"}), encoding="utf-8")
    kept.file.chmod(0o644)
    kept.keep("here", "alice")
    assert stat.S_IMODE(kept.file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '{"here": 7}', "\0"])
def test_malformed_session_file_is_named_and_kept(tmp_path: Path, content: str):
    kept = SavedSessions(tmp_path / "sessions.json")
    kept.file.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidSetting, match=r"sessions\.json"):
        kept.keep("here", "alice")
    assert kept.file.read_text(encoding="utf-8") == content


@given(
    words=st.lists(st.text("abcdefghij", min_size=1, max_size=12), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 600), max_size=20),
    width=st.integers(12, 40),
)
def test_typewriter_wraps_whole_words(words: list[str], cuts: list[int], width: int):
    """Prose is wrapped at words, wherever its pieces are cut."""
    text, out = " ".join(words), io.StringIO()
    typewriter = Typewriter(out.write, lambda: width)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    for begin, end in zip(places, [*places[1:], len(text)], strict=True):
        typewriter.type(text[begin:end])
    typewriter.end()
    assert out.getvalue().split() == words
    assert all(len(line) <= width for line in out.getvalue().splitlines())
    assert typewriter.text == text


def test_typewriter_keeps_paragraphs_and_long_words():
    """Paragraphs, and words longer than a line, are typed unchanged."""
    out = io.StringIO()
    typewriter = Typewriter(out.write, lambda: 8)
    for piece in ("One", " two\n\nthreeand", "four  five"):
        typewriter.type(piece)
    typewriter.end()
    assert out.getvalue() == "One two\n\nthreeandfour\nfive\n"


def test_run_joins_deltas_of_one_attempt():
    """A run joins its deltas and begins over with a new attempt."""
    from tests.support.gateway import delta

    run = ActiveRun("p")
    pieces = [delta("s", "p", "The ", 0), delta("s", "p", "door", 4), delta("s", "p", "lost", 20)]
    assert [run.take(piece) for piece in pieces] == [True, False, False]
    assert run.text == "The door"
    assert run.take(delta("s", "p", "A window", 0, attempt=2))
    assert run.text == "A window"


@pytest.mark.parametrize("width", [60, 30, 200])
def test_page_fits_any_width(width: int):
    lines = shown(render.page_view(page(text="word " * 300), None), width).splitlines()
    assert max(map(len, lines)) <= min(width, render.LINE_WIDTH + 40)
    assert max(len(line) for line in lines if line.startswith("word")) <= render.LINE_WIDTH


def test_ring_names_the_sections():
    """A section has its own title beside its voice, and a dash where it has none."""
    entry: dict[str, Any] = {"character": 1, "slug": "london-fox", "name": "London Fox", "color": "#aa0000"}
    sections = [
        SectionEntry(section=2, title=title, pages=3, first_page="S02-P0004", **entry) for title in ("The Nose", None)
    ]
    canon = CanonShape(
        title="A Book", author="", book_id="a", revision=1, content_hash="", ring=(), sections=tuple(sections)
    )
    lines = shown(render.ring_view(canon, None)).splitlines()
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "2 London Fox The Nose 3 pages S02-P0004",
        "2 London Fox – 3 pages S02-P0004",
    ]


def test_control_characters_are_not_shown():
    evil = "\x1b[2J\x1b]0;owned\x07\x9b31m"
    view = render.page_view(page(title=f"T{evil}", text=f"a{evil}b"), None)
    for result in (shown(view), shown(view, force_terminal=True, no_color=True, color_system=None)):
        assert "\x1b[2J" not in result
        assert "\x07" not in result
        assert "\x9b" not in result
        assert "owned" in result


def test_page_without_colours_has_the_same_text():
    view = render.page_view(page(), None)
    assert "\x1b" not in shown(view, no_color=True)
    assert shown(view) == shown(view, no_color=True)


def test_hits_are_marked_without_colours():
    assert render.marked("the open door", ((4, 8), (9, 13))).plain == "the [open] [door]"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("1f", (0x1F, "", None)),
        ("0x1F Who is there?", (0x1F, "Who is there?", None)),
        ("an-author:XC t2 Go on", (0, "Go on", Trajectory.FORK)),
        ("255 T3", (255, "", Trajectory.DRIFT)),
        ("7", (7, "", None)),
        ("10", (0x10, "", None)),
    ],
)
def test_press_is_symbol_wish_and_words(given: str, read: object):
    """The wish and the words are optional."""
    assert pressed(given) == read


@pytest.mark.parametrize("word", ["zz", "300", "nobody:XC", "0x100"])
def test_unknown_symbol_is_refused(word: str):
    with pytest.raises(InvalidSymbol, match=word):
        symbol_of(word)


def test_commands_have_distinct_names_and_help():
    names = [name for command in COMMANDS for name in command.names]
    assert len(set(names)) == len(names)
    result = " ".join(shown(help_view(), 120).split())
    for command in COMMANDS:
        assert ", ".join(command.names) in result
        assert command_of(command.names[0].upper()) is command


def test_unknown_command_is_refused():
    with pytest.raises(InvalidInput, match="'fly' is no command"):
        command_of("fly")
