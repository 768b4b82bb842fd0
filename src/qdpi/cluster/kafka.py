"""Kafka's configuration files and command lines: each node is broker and controller (KRaft), on loopback.

The properties are described in https://kafka.apache.org/44/configuration/broker-configs/.
"""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from qdpi.cluster.setup import SHORT_LIVED, Node, NodeFiles, Options, Setup
from qdpi.cluster.tools import Programs
from qdpi.errors import InvalidInput, ServicesFailed

_LARGEST_RECORD: Final = 24 << 20
"""In bytes: a dead letter has up to 16 MiB, and its request a little more."""
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_JVM: Final = ("-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true")
_LOGGING: Final = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",  # 400 lines of values at every start
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
)


async def prepare(node: Node, setup: Setup, files: NodeFiles, programs: Programs, options: Options) -> None:
    """Write a node's server.properties, and format its storage if there is none. Raises `ServicesFailed`."""
    files.data.mkdir(parents=True, exist_ok=True)
    values = {**properties(node, setup.of(node.kind), files.data, options.kafka_guard), **options.kafka}
    file = _file(files)
    file.write_text(properties_text(values), encoding="utf-8")
    if not (files.data / "meta.properties").exists():
        await _run(format_command(programs.java.program, programs.jars, file, setup.cluster_id), node)


def command(node: Node, setup: Setup, files: NodeFiles, programs: Programs, options: Options) -> list[str]:
    """Return the command that starts a node from its prepared files."""
    java_options = options.java_options(512 if len(setup.of(node.kind)) == 1 else 384)
    return serve_command(programs.java.program, programs.jars, _file(files), java_options)


def _file(files: NodeFiles) -> Path:
    return files.directory / "server.properties"


async def _run(command: Sequence[str], node: Node) -> None:
    child = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    output, _ = await child.communicate()
    if child.returncode:
        last = output.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
        raise ServicesFailed(f"The storage of {node.name} could not be formatted: {last[0][:300]}")


def properties(node: Node, peers: Sequence[Node], data: Path, guard: Mapping[str, str]) -> dict[str, str]:
    """Return the server.properties of a node; `peers` includes the node.

    `guard` holds the properties of an additional listener, GUARDED: its `protocol`, and for example
    `sasl.enabled.mechanisms`, `plain.sasl.jaas.config` or `ssl.keystore.location`.

    Raises `InvalidInput` if the path of the data has a comma, which Kafka reads as a separator.
    """
    return {
        **_place(node, peers, data),
        **_listeners(node, guard),
        **_copies(len(peers)),
        **_groups(),
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "3000",  # a killed broker's return waits for the end of its old session
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(_LARGEST_RECORD),
        "replica.fetch.max.bytes": str(_LARGEST_RECORD),
        "log.cleaner.dedupe.buffer.size": str(16 << 20),
        "num.recovery.threads.per.data.dir": "2",
    }


def _place(node: Node, peers: Sequence[Node], data: Path) -> dict[str, str]:
    if "," in str(data):
        raise InvalidInput(
            f"{data} has a comma, and Kafka would read it as two directories (log.dirs).",
            next_step="Name a directory without a comma: QDPI_DATA_DIR, or --data-dir.",
        )
    voters = ",".join(f"{each.number}@{each.host}:{each.ports['controller']}" for each in peers)
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": voters,
        "log.dirs": str(data),
    }


def _listeners(node: Node, guard: Mapping[str, str]) -> dict[str, str]:
    protocols = {"CONTROLLER": "PLAINTEXT", "OPEN": "PLAINTEXT"}
    names = {"OPEN": node.ports["open"]}
    extra = {}
    if guard:
        protocols["GUARDED"] = guard["protocol"]
        names["GUARDED"] = node.ports["guarded"]
        extra = {f"listener.name.guarded.{name}": value for name, value in guard.items() if name != "protocol"}
    served = ",".join(f"{name}://{node.host}:{port}" for name, port in names.items())
    return {
        "listeners": f"{served},CONTROLLER://{node.host}:{node.ports['controller']}",
        "advertised.listeners": served,
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "inter.broker.listener.name": "OPEN",
        "controller.listener.names": "CONTROLLER",
        **extra,
    }


def _copies(nodes: int) -> dict[str, str]:
    """The replication settings: with three nodes, three replicas, two of which must acknowledge a record."""
    copies, needed = str(min(nodes, 3)), str(min(nodes, 2))
    return {
        "default.replication.factor": copies,
        "min.insync.replicas": needed,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": "6",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": needed,
        "transaction.state.log.num.partitions": "6",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": needed,
        "share.coordinator.state.topic.num.partitions": "3",
    }


def _groups() -> dict[str, str]:
    """Short session timeouts: KIP-848 groups notice a dead member within 2 seconds, classic ones may ask for it."""
    return {
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "500",
        "group.consumer.min.session.timeout.ms": "500",
        "group.consumer.session.timeout.ms": "2000",
        "group.consumer.min.heartbeat.interval.ms": "100",
        "group.consumer.heartbeat.interval.ms": "500",
    }


def properties_text(values: Mapping[str, str]) -> str:
    """Return properties as the text of their file."""
    return "".join(f"{name}={_escaped(value)}\n" for name, value in values.items())


def _escaped(value: str) -> str:
    # Java reads the file as Latin-1, so other characters are escaped as UTF-16 units.
    plain = _NOT_ASCII.sub(_units, value.replace("\\", "\\\\"))
    return plain.replace("\n", "\\n\\\n")


def _units(found: re.Match[str]) -> str:
    digits = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{digits[at : at + 4]}" for at in range(0, len(digits), 4))


def format_command(java: Path, jars: Path, file: Path, cluster_id: str) -> list[str]:
    """Return the command that formats a node's storage; it does nothing if the storage exists."""
    # An id may begin with a dash, so it is passed in one word with its option.
    tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", f"--cluster-id={cluster_id}", "-c", str(file)]
    return [str(java), *SHORT_LIVED, "-cp", f"{jars}/*", *tool]


def serve_command(java: Path, jars: Path, file: Path, java_options: Sequence[str]) -> list[str]:
    """Return the command that starts a server from a properties file."""
    return [str(java), *java_options, *_JVM, *_LOGGING, "-cp", f"{jars}/*", "kafka.Kafka", str(file)]
