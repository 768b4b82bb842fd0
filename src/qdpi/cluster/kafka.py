"""Kafka's own files and command lines: a node that is broker and controller (KRaft), on loopback.

https://kafka.apache.org/44/configuration/broker-configs/ says what each property means.
"""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from qdpi.cluster.setup import BRIEF, Node, Options, Place, Setup
from qdpi.cluster.tools import Programs
from qdpi.errors import InvalidInput, ServicesFailed

_LARGEST_RECORD: Final = 24 << 20
"""A dead letter takes 16 MiB, and the request that carries it a little more."""
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_JVM: Final = ("-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true")
_LOGGING: Final = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",  # 400 lines of values at every start
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
)


async def prepare(node: Node, setup: Setup, place: Place, programs: Programs, options: Options) -> None:
    """Write a node's server.properties, and format its storage where there is none. Raises `ServicesFailed`."""
    place.data.mkdir(parents=True, exist_ok=True)
    values = {**properties(node, setup.of(node.kind), place.data, options.kafka_guard), **options.kafka}
    file = _file(place)
    file.write_text(properties_text(values), encoding="utf-8")
    if not (place.data / "meta.properties").exists():
        await _run(format_command(programs.java.program, programs.jars, file, setup.cluster_id), node)


def command(node: Node, setup: Setup, place: Place, programs: Programs, options: Options) -> list[str]:
    """Return the command that starts a node from its prepared files."""
    java_options = options.java_options(512 if len(setup.of(node.kind)) == 1 else 384)
    return serve_command(programs.java.program, programs.jars, _file(place), java_options)


def _file(place: Place) -> Path:
    return place.directory / "server.properties"


async def _run(command: Sequence[str], node: Node) -> None:
    child = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    output, _ = await child.communicate()
    if child.returncode:
        last = output.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise ServicesFailed(f"{node.name} has no storage: {last[0][:300]}")


def properties(node: Node, fellows: Sequence[Node], data: Path, guard: Mapping[str, str]) -> dict[str, str]:
    """Return the server.properties of a node among its fellows, itself included.

    `guard` are the properties of a further listener, GUARDED, beside the open one: its `protocol` and what
    belongs to it (`sasl.enabled.mechanisms`, `plain.sasl.jaas.config`, `ssl.keystore.location`…).

    Raises `InvalidInput` where the directory of the data has a comma, which Kafka takes for the end of it.
    """
    return {
        **_place(node, fellows, data),
        **_listeners(node, guard),
        **_copies(len(fellows)),
        **_groups(),
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "3000",  # a killed broker's return waits for the end of its old session
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(_LARGEST_RECORD),
        "replica.fetch.max.bytes": str(_LARGEST_RECORD),
        "log.cleaner.dedupe.buffer.size": str(16 << 20),
        "num.recovery.threads.per.data.dir": "2",
    }


def _place(node: Node, fellows: Sequence[Node], data: Path) -> dict[str, str]:
    if "," in str(data):
        raise InvalidInput(
            f"{data} has a comma, and Kafka takes it for two directories (log.dirs).",
            next_step="Name a directory without one: QDPI_DATA_DIR, or --data-dir.",
        )
    voters = ",".join(f"{each.number}@{each.host}:{each.ports['controller']}" for each in fellows)
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
    """How often a record is kept: with three nodes on all, two of which must have it before it counts."""
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
    """Let groups notice a dead member within two seconds: classic ones where it asks for that, KIP-848's always."""
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
    # Java reads the file as Latin-1: what is not ASCII goes by its UTF-16 units.
    plain = _NOT_ASCII.sub(_units, value.replace("\\", "\\\\"))
    return plain.replace("\n", "\\n\\\n")


def _units(found: re.Match[str]) -> str:
    digits = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{digits[at : at + 4]}" for at in range(0, len(digits), 4))


def format_command(java: Path, jars: Path, file: Path, cluster_id: str) -> list[str]:
    """Return the command that makes a node's empty storage; it does nothing where there is one."""
    # An id may begin with a dash: it goes with its option in one word.
    tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", f"--cluster-id={cluster_id}", "-c", str(file)]
    return [str(java), *BRIEF, "-cp", f"{jars}/*", *tool]


def serve_command(java: Path, jars: Path, file: Path, java_options: Sequence[str]) -> list[str]:
    """Return the command that serves."""
    return [str(java), *java_options, *_JVM, *_LOGGING, "-cp", f"{jars}/*", "kafka.Kafka", str(file)]
