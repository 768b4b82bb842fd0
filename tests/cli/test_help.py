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


def test_the_help_lists_every_command_with_what_it_does(qdpi: Call):
    code, out, err = qdpi("--help")

    assert (code, err) == (0, "")
    for name, entry in COMMANDS.items():
        assert f"{name} " in out
        assert entry.summary in out


@pytest.mark.process
def test_the_help_imports_nothing_that_takes_long():
    script = "import sys; from qdpi.cli import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    for slow in ("pydantic", "dspy", "numpy", "fastapi", "structlog", "sqlite3", "asyncio"):
        assert f"'{slow}'" not in run.stderr, f"{slow} is imported for the help"


@pytest.mark.process
def test_qdpi_is_a_module_too():
    run = subprocess.run([sys.executable, "-m", "qdpi", "--version"], capture_output=True, text=True, check=True)

    assert run.stdout.startswith("qdpi, version ")


def test_without_a_command_the_help_is_shown(qdpi: Call):
    code, out, err = qdpi()

    assert code == 2
    assert "Commands:" in out + err


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_every_command_explains_itself(qdpi: Call, words: tuple[str, ...]):
    code, out, err = qdpi(*words, "--help")

    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: qdpi {' '.join(words)}")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_lies_where_the_table_says(name: str):
    entry = COMMANDS[name]

    assert getattr(import_module(f"qdpi.cli.{entry.module}"), entry.attribute).name == name


def test_run_has_a_flag_for_every_setting_and_names_its_variable(qdpi: Call):
    out = qdpi("run", "--help").out

    for setting in SETTINGS:
        assert f"--{setting.name.replace('_', '-')} " in out
        assert setting.variable in out


def test_no_secret_shows_in_a_help(qdpi: Call, monkeypatch: pytest.MonkeyPatch):
    for setting in SETTINGS:
        if setting.secret:
            monkeypatch.setenv(setting.variable, "hushhush")

    assert "hushhush" not in qdpi("run", "--help").out


def test_the_shared_flags_name_settings_that_there_are():
    assert set(ALL) == {setting.name for setting in SETTINGS}


def test_worker_help_names_every_worker(qdpi: Call):
    out = qdpi("worker", "--help").out

    assert all(name in out for name in WORKERS)
