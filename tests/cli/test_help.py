from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
from tests.cli.conftest import Call

from qdpi.cli import COMMANDS
from qdpi.cli.options import ALL
from qdpi.settings import SETTINGS
from qdpi.topology import WORKERS

WORDS = [("dlq", "list"), ("dlq", "show"), ("dlq", "replay"), *((name,) for name in COMMANDS)]


def test_help_lists_every_command(qdpi: Call):
    """The help lists every command with a description."""
    code, out, err = qdpi("--help")

    assert (code, err) == (0, "")
    for name, entry in COMMANDS.items():
        assert f"{name} " in out
        assert entry.summary in out


@pytest.mark.process
def test_help_imports_nothing_slow():
    """The help imports nothing that takes long."""
    script = "import sys; from qdpi.cli import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    for slow in ("pydantic", "dspy", "numpy", "fastapi", "structlog", "sqlite3", "asyncio"):
        assert f"'{slow}'" not in run.stderr, f"{slow} is imported for the help"


@pytest.mark.process
def test_module_runs_the_command_line():
    """`python -m qdpi` runs the command line."""
    run = subprocess.run([sys.executable, "-m", "qdpi", "--version"], capture_output=True, text=True, check=True)

    assert run.stdout.startswith("qdpi, version ")


def test_help_is_shown_without_a_command(qdpi: Call):
    """Without a command the help is shown."""
    code, out, err = qdpi()

    assert code == 2
    assert "Commands:" in out + err


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_help_of_every_command(qdpi: Call, words: tuple[str, ...]):
    """Every command has a help text."""
    code, out, err = qdpi(*words, "--help")

    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: qdpi {' '.join(words)}")


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_table_matches_the_modules(name: str):
    """The module of each command is the one in the table."""
    entry = COMMANDS[name]

    assert getattr(import_module(f"qdpi.cli.{entry.module}"), entry.attribute).name == name


def test_run_help_has_every_setting(qdpi: Call):
    """The help of `run` has a flag and a variable for every setting."""
    out = qdpi("run", "--help").out

    for setting in SETTINGS:
        assert f"--{setting.name.replace('_', '-')} " in out
        assert setting.variable in out


def test_help_shows_no_secret(qdpi: Call, monkeypatch: pytest.MonkeyPatch):
    """No help text contains a secret."""
    for setting in SETTINGS:
        if setting.secret:
            monkeypatch.setenv(setting.variable, "hushhush-hushhush")

    assert "hushhush-hushhush" not in qdpi("run", "--help").out


def test_shared_flags_are_settings():
    """The shared flags name existing settings."""
    assert set(ALL) == {setting.name for setting in SETTINGS}


def test_worker_help_names_every_worker(qdpi: Call):
    out = qdpi("worker", "--help").out

    assert all(name in out for name in WORKERS)
