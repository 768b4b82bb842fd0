"""`qdpi read` as a process: scripts on its input, and a pseudo-terminal in front of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import stat
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import PATIENCE, Process, Reader

pytestmark = pytest.mark.process

Start = Callable[..., Process]
Opens = Callable[[str, str], Reader]
COMMAND = [sys.executable, "-m", "qdpi", "read"]


def script(*lines: str, args: tuple[str, ...] = (), **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the reader with commands on its input."""
    return subprocess.run(
        [*COMMAND, *args],
        input="".join(f"{line}\n" for line in lines),
        env={**os.environ, "COLUMNS": "60", **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Terminal:
    """A pseudo-terminal with the reader on it."""

    def __init__(self, *args: str, columns: int = 80, rows: int = 24, **environ: str) -> None:
        self.child, self._end = pty.fork()
        if self.child == 0:
            os.environ.update({"TERM": "xterm-256color", **environ})
            os.execv(sys.executable, [*COMMAND, *args])
        self.resize(columns, rows)
        self.seen = ""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def until(self, words: str) -> None:
        """Read until some words are shown, ignoring control sequences between them."""
        ends = time.monotonic() + PATIENCE
        while words not in self.plain:
            assert time.monotonic() < ends, self.plain[-2_000:]
            assert self._read(), self.plain[-2_000:]

    def exit_code(self) -> int:
        """Read to the end, and return the exit code."""
        while self._read():
            pass
        _, status = os.waitpid(self.child, 0)
        self.child = 0
        return os.waitstatus_to_exitcode(status)

    @property
    def plain(self) -> str:
        return " ".join(re.sub(r"\x1b(\[[0-9;?<>=]*[A-Za-z$~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)", " ", self.seen).split())

    def _read(self) -> bool:
        """Read a chunk; return whether the other end is still open."""
        ready, _, _ = select.select([self._end], [], [], 1.0)
        if not ready:
            return True
        with contextlib.suppress(OSError):
            piece = os.read(self._end, 65_536)
            self.seen += piece.decode(errors="replace")
            return bool(piece)
        return False

    def close(self) -> None:
        if self.child:
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)
        os.close(self._end)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def begin(*args: str, **options: object) -> Terminal:
        opened.append(Terminal(*args, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield begin
    for each in opened:
        each.close()


def test_read_script_presses_and_continues(tmp_path: Path):
    """A script starts the whole system, reads and presses; a second one continues the journey."""
    first = script("next", "press 1f", "save first page", "where")
    second = script("read", "vault", "pages")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "\x1b" not in first.stdout
    assert max(map(len, first.stdout.splitlines())) <= 60
    assert "S01-P0002" in first.stdout
    assert "1 written" in first.stdout
    assert "first page" in second.stdout
    assert "#1" in second.stdout
    for private in ("reader-sessions.json", "read.log"):
        assert stat.S_IMODE((tmp_path / "data" / private).stat().st_mode) == 0o600


def test_read_script_with_a_refused_command_fails():
    """A script continues after a refused command, and exits with an error."""
    ended = script("fly", "where")

    assert ended.returncode == 1
    assert "'fly' is no command." in ended.stdout
    assert "0 written" in ended.stdout


def test_read_at_a_running_gateway(start: Start, reader: Opens):
    """The reader uses a running gateway, and keeps one session a gateway."""
    url = start("run", "--port", "0").url()

    written = script("ask Who is there?", "where", args=("--url", url))
    again = script("pages", args=("--url", f"{url}/"))
    anew = script("pages", args=("--url", url, "--new"))
    other = script("pages", args=("--url", url, "--session", "somebody"))

    assert "1 written" in written.stdout
    assert "#1" in again.stdout
    assert "Nothing is written yet." in anew.stdout
    assert "Nothing is written yet." in other.stdout


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("--url", "http://127.0.0.1:1"), 1, "http://127.0.0.1:1 does not answer"),
        (("--url", "nonsense"), 1, "does not answer"),
        (("--session", "not a session"), 1, "'not a session' is not a session id."),
    ],
    ids=["nobody there", "no address", "no session"],
)
def test_read_failure_is_one_sentence(args: tuple[str, ...], code: int, message: str):
    """A failure to read is one sentence."""
    ended = script("read", args=args)

    assert ended.returncode == code
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_read_lines_on_a_terminal(
    terminal: Callable[..., Terminal],
):
    """Line mode on a terminal shows a page as it is written, and Ctrl-C leaves."""
    at = terminal("--lines", columns=60)
    at.until("lists what you can say")
    at.type("press 1f\n")
    at.until("is being written")
    at.until("written by offline")
    at.type("\x03")

    assert at.exit_code() == 0


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"TERM": "dumb", "NO_COLOR": "1"}], ids=["dumb", "no colour"])
def test_read_on_a_dumb_terminal(terminal: Callable[..., Terminal], environ: dict[str, str]):
    """A dumb terminal gets the line mode without escape sequences."""
    at = terminal(**environ)
    at.until("lists what you can say")
    at.type("next\n")
    at.until("S01-P0002")
    at.type("quit\n")

    assert at.exit_code() == 0
    assert "\x1b" not in at.seen


@pytest.mark.parametrize("args", [(), ("--lines",)], ids=["full screen", "lines"])
def test_read_restores_the_terminal_on_a_signal(terminal: Callable[..., Terminal], args: tuple[str, ...]):
    """A signal restores the terminal."""
    at = terminal(*args)
    at.until("S01-P0001")
    os.kill(at.child, signal.SIGTERM)

    assert at.exit_code() == 0
    assert at.seen.count("\x1b[?1049h") == at.seen.count("\x1b[?1049l")


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}], ids=["colour", "no colour"])
def test_read_full_screen(terminal: Callable[..., Terminal], environ: dict[str, str]):
    """The full screen opens, turns pages, resizes, and restores the terminal."""
    at = terminal(columns=60, **environ)
    at.until("S01-P0001")
    at.type("\x1b[C")
    at.until("S01-P0002")
    at.resize(40, 12)
    os.kill(at.child, signal.SIGWINCH)
    at.type("\x1b[C")
    at.until("S01-P0003")
    at.type("q")

    assert at.exit_code() == 0
    assert "\x1b[?1049h" in at.seen
    assert "\x1b[?1049l" in at.seen


def test_read_help_imports_neither_screen_nor_client():
    """The help imports neither the screen nor the client."""
    code = (
        "import sys; from qdpi.cli import main; main(['--help']); main(['read', '--help']); "
        "print(sorted({'textual', 'rich', 'httpx', 'fastapi', 'qdpi.client'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
