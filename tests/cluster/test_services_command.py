"""`qdpi services`, called as from a shell. The tests use Kafka, which starts faster than Cassandra."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random, SystemRandom

import pytest
import structlog
from tests.cli.conftest import Answer, Call
from tests.cluster.clients import create_topic, produce
from tests.support.servers import ABSENT, servers_in

from qdpi.cli import main
from qdpi.cluster import Kind, NodeFiles, environment
from qdpi.cluster.processes import pid_of
from qdpi.cluster.setup import new_setup, write_setup
from qdpi.cluster.tools import find_java, find_maven
from qdpi.errors import ToolMissing

pytestmark = [pytest.mark.long, pytest.mark.kafka]
QDPI = [sys.executable, "-m", "qdpi", "services"]


@pytest.fixture(autouse=True)
def _with_java_and_maven() -> None:
    try:
        find_java(os.environ)
        find_maven(os.environ)
    except ToolMissing:
        pytest.skip(ABSENT)


@pytest.fixture
def qdpi(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Call]:
    """The command in this process, with a temporary data directory; its servers are stopped after the test."""

    def call(*words: str) -> Answer:
        capsys.readouterr()
        code = main(["services", *words])
        return Answer(code, *capsys.readouterr())

    monkeypatch.setenv("QDPI_DATA_DIR", str(tmp_path))
    yield call
    call("down")
    structlog.reset_defaults()  # a command sets up logging on a standard error that ends with its test


@pytest.fixture
def files(tmp_path: Path) -> NodeFiles:
    return NodeFiles(tmp_path / "services" / "kafka-1")


def state(qdpi: Call) -> str:
    (row,) = json.loads(qdpi("status", "--json").out)
    return str(row["state"])


def begin_up() -> subprocess.Popen[str]:
    """`up` at the moment when the server's process has started and does not answer yet."""
    beginning = subprocess.Popen(
        [*QDPI, "up", "--only", "kafka"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert beginning.stderr is not None
    for line in beginning.stderr:
        if line.startswith("kafka-1 starts"):
            return beginning
    raise AssertionError("it never started")


def test_up_to_down(qdpi: Call, files: NodeFiles):
    shell = f'eval "$({" ".join(QDPI)} up --only kafka)" && echo $KAFKA_BROKERS $KAFKA_SESSION_TIMEOUT'
    up = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=True)
    brokers, timeout = up.stdout.split()
    assert timeout == "2"
    assert f"kafka-1 answers at {brokers}" in up.stderr
    pid = pid_of(files)

    again = qdpi("up", "--only", "kafka", "--json")
    assert "already" in again.err
    assert json.loads(again.out)["KAFKA_BROKERS"] == brokers

    assert qdpi("pause", "kafka-1").code == 0
    assert state(qdpi) == "silent"
    assert qdpi("resume", "kafka-1").code == 0
    assert state(qdpi) == "up"

    assert qdpi("kill", "kafka-1").code == 0
    assert state(qdpi) == "down"
    assert qdpi("restart", "kafka-1").code == 0
    assert state(qdpi) == "up"
    assert pid_of(files) != pid

    logs = qdpi("logs", "kafka-1", "-n", "3")
    assert len(logs.out.splitlines()) == 3
    assert str(files.log) in logs.err

    assert qdpi("down").code == 0
    assert state(qdpi) == "down"
    assert files.data.is_dir()
    assert qdpi("down", "--delete").code == 0
    assert not files.directory.exists()
    assert "No servers are set up" in qdpi("status").out


def test_stopped_servers_are_unset(qdpi: Call, files: NodeFiles):
    """`up` unsets the variables of servers that are set up but stopped."""
    both = new_setup(Random(1)).with_kinds(list(Kind), None, SystemRandom())
    write_setup(both, files.directory.parent / "cluster.json")
    shell = f'eval "$({" ".join(QDPI)} up --only kafka)" && echo $KAFKA_BROKERS ${{CASSANDRA_HOSTS-unset}}'
    before = {**os.environ, "CASSANDRA_HOSTS": both.of(Kind.CASSANDRA)[0].address, "CASSANDRA_REPLICATION": "1"}

    up = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=True, env=before)
    assert up.stdout == f"{both.of(Kind.KAFKA)[0].address} unset\n"

    result = json.loads(qdpi("up", "--only", "kafka", "--json").out)
    assert result.keys() == environment(both, [Kind.KAFKA]).keys()


def test_directory_with_a_non_ascii_name(tmp_path: Path):
    directory = tmp_path / "bücher 𝄞"
    with servers_in(directory, cassandra=False) as servers:
        brokers = servers.environment["KAFKA_BROKERS"]
        create_topic(brokers, "kept")
        produce(brokers, "kept", b"here")

    assert (directory / "kafka-1" / "data" / "meta.properties").exists()
    assert list((directory / "kafka-1" / "data").glob("kept-0/*.log"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_up_leaves_nothing_running(qdpi: Call, files: NodeFiles, number: signal.Signals):
    beginning = begin_up()
    beginning.send_signal(number)
    out, _ = beginning.communicate()

    assert (beginning.returncode, out) == (130, "")
    assert pid_of(files) is None


def test_down_stops_what_a_killed_up_left(qdpi: Call, files: NodeFiles):
    beginning = begin_up()
    beginning.kill()
    beginning.communicate()
    assert pid_of(files) is not None

    assert qdpi("down").code == 0
    assert pid_of(files) is None


def test_servers_end_with_their_killed_process(tmp_path: Path):
    script = (
        "import asyncio, pathlib, sys\n"
        "from qdpi.cluster import running\n"
        "async def main():\n"
        "    async with running(pathlib.Path(sys.argv[1]), cassandra=False):\n"
        "        print('running', flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    block = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, text=True)
    assert block.stdout is not None
    assert block.stdout.readline() == "running\n"
    files = NodeFiles(tmp_path / "kafka-1")
    pid = pid_of(files)
    assert pid is not None

    block.kill()
    block.communicate()  # returns when its keeper, too, has let go of its output
    assert pid_of(files) is None


def test_unknown_server_is_named_with_the_known_ones(qdpi: Call):
    result = qdpi("kill", "kafka-9")

    assert result.code == 2
    assert result.err == "qdpi: There is no server 'kafka-9': nothing is set up. See `qdpi services status`.\n"


def test_missing_java_is_reported(qdpi: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    empty = tmp_path / "bin"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    result = qdpi("up", "--only", "kafka")

    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("qdpi: Java 17 (or up to 23) was not found. ")
    assert len(result.err.splitlines()) == 1
