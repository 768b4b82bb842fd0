"""What other users of the machine can read of the data: nothing, and `qdpi doctor` says so of older directories."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.gateway import gateway_in

from qdpi.cli import main
from qdpi.cli.doctor import privacy
from qdpi.health import Health

OTHERS = 0o077


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    """The umask of a shell that closes nothing."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_paths(directory: Path) -> list[str]:
    """Return what others could read, enter or change, the directory itself included."""
    return [str(path) for path in (directory, *directory.rglob("*")) if path.stat().st_mode & OTHERS]


async def test_data_are_their_owners_alone_whatever_made_them(tmp_path: Path) -> None:
    """While the databases are open, with their logs and shared memory, and after."""
    data = tmp_path / "share" / "qdpi"
    async with gateway_in(data, answers=True) as gateway:
        await gateway.press()
        names = {path.name for path in data.rglob("*")}
        assert any(name.endswith("-wal") for name in names)
        assert any(name.endswith("-shm") for name in names)
        assert await asyncio.to_thread(open_paths, data) == []
    assert open_paths(data) == []


def test_a_command_writes_for_its_user_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And leaves the mask of the process that called it as it was."""
    data, seen = tmp_path / "data", os.umask(0)
    assert main(["kafka-topics", "--data-dir", str(data)]) == 0
    assert os.umask(0) == seen == 0
    assert any(path.suffix == ".db" for path in data.rglob("*"))
    assert open_paths(data) == []


def test_doctor_says_how_an_older_directory_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "older data"
    (data / "bus").mkdir(parents=True)
    (data / "bus" / "bus.db").write_bytes(b"x")
    (data / "elsewhere").symlink_to(tmp_path)
    [found] = privacy(data, fix=False)
    assert (found.health, len(open_paths(data))) == (Health.WARN, 3)
    assert f"chmod -R go= '{data}'" in found.next_step
    assert "doctor --fix" in found.next_step
    assert open_paths(data), "looking changes nothing"


def test_doctor_closes_an_older_directory_when_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "bus").mkdir(parents=True)
    (data / "bus" / "bus.db").write_bytes(b"x")
    assert privacy(data, fix=True)[0].health is Health.OK
    assert open_paths(data) == []
    assert (data / "bus" / "bus.db").read_bytes() == b"x"
    assert "is closed" in privacy(data, fix=False)[0].detail
