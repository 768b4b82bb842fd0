"""A node: one server of a cluster on this machine, and where everything of it lies."""

from __future__ import annotations

import base64
import errno
import json
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Final

from qdpi.errors import InvalidInput, ServicesFailed

BRIEF: Final = ("-XX:TieredStopAtLevel=1",)
"""Java's options for servers that live for minutes: it compiles quickly, not well."""
_RANGE: Final = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections, which would take them from a stopped server."""
SIZES: Final = (1, 3)


class Kind(StrEnum):
    """What a node serves."""

    KAFKA = "kafka"
    CASSANDRA = "cassandra"


_PORTS: Final = {Kind.KAFKA: ("open", "controller", "guarded"), Kind.CASSANDRA: ("native", "storage")}


@dataclass(frozen=True, slots=True)
class Node:
    """A node: `number` counts from 1 among those of its kind; `ports` by what each is for."""

    kind: Kind
    number: int
    host: str
    ports: Mapping[str, int]

    @property
    def name(self) -> str:
        """Its name, such as kafka-1."""
        return f"{self.kind}-{self.number}"

    @property
    def address(self) -> str:
        """Where clients reach it, host:port."""
        return f"{self.host}:{self.ports['open' if self.kind is Kind.KAFKA else 'native']}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node's files lie."""

    directory: Path

    @property
    def data(self) -> Path:
        """What it stores."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.directory / "log"

    @property
    def pid_file(self) -> Path:
        """Its process's id, locked while that lives."""
        return self.directory / "pid"


@dataclass(frozen=True, slots=True)
class Options:
    """How servers are started.

    `kafka_guard`: the properties of a second listener of every broker, at `Servers.guarded_kafka`; `protocol` is
    its security protocol, the others are Kafka's without `listener.name.guarded.`, such as
    `sasl.enabled.mechanisms`, `plain.sasl.jaas.config` or `ssl.keystore.certificate.chain`.
    `kafka`: further server.properties. `cassandra`: values put over those of cassandra.yaml, such as
    `{"authenticator": "PasswordAuthenticator"}`. `java`: further options of Java, such as `BRIEF`.
    `patience`: how many seconds a server may take to start.
    """

    kafka_guard: Mapping[str, str] = field(default_factory=dict)
    kafka: Mapping[str, str] = field(default_factory=dict)
    cassandra: Mapping[str, Any] = field(default_factory=dict)
    java: tuple[str, ...] = ()
    patience: float = 180.0

    def java_options(self, heap_mib: int) -> list[str]:
        """Return Java's options for a server with a heap of at most so many MiB."""
        return [f"-Xms{heap_mib // 2}m", f"-Xmx{heap_mib}m", *self.java]


def free_ports(hosts: Sequence[str], count: int, random: Random) -> list[int]:
    """Return ports, each free on all of these addresses. Raises `ServicesFailed`."""
    found: list[int] = []
    for port in random.sample(_RANGE, len(_RANGE)):
        if all(is_free(host, port) for host in hosts):
            found.append(port)
        if len(found) == count:
            return found
    raise ServicesFailed(
        f"No {count} ports of {_RANGE.start} to {_RANGE.stop} are free.", next_step="Stop some server."
    )


def is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen there. Raises `ServicesFailed` where the address is not this machine's."""
    with closing(socket.socket()) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise ServicesFailed(f"{host} is no address of this machine.", next_step=_adding(host)) from error
            return False
    return True


def _adding(host: str) -> str:
    command = f"ifconfig lo0 alias {host}" if sys.platform == "darwin" else f"ip address add {host}/8 dev lo"
    return f"Run `sudo {command}`, and try again."


@dataclass(frozen=True, slots=True)
class Setup:
    """The nodes of a cluster; `cluster_id` is Kafka's (16 bytes in base64)."""

    cluster_id: str
    nodes: tuple[Node, ...] = ()

    def of(self, kind: Kind) -> tuple[Node, ...]:
        """Return the nodes of a kind, by number."""
        return tuple(node for node in self.nodes if node.kind is kind)

    def with_kinds(self, kinds: Iterable[Kind], size: int | None, random: Random) -> Setup:
        """Return this setup with every one of these kinds in it, on free ports.

        `size` is the number of nodes of each; None: of a kind that is here as many as there are, of another as
        many as of the one that is, else one. Raises `InvalidInput` where a number is asked for and another one
        is here, and `ServicesFailed` where there is no room for them.
        """
        if size not in (None, *SIZES):
            raise InvalidInput(f"{size} nodes: 1 or 3 are wanted.")
        present = {kind: len(self.of(kind)) for kind in Kind if self.of(kind)}
        for kind in kinds:
            if size and present.get(kind, size) != size:
                raise InvalidInput(
                    f"{size} of {kind} are asked for, and {present[kind]} set up.",
                    next_step="Keep them, or remove them with all their data: `qdpi services down --delete`.",
                )
        wanted = size or next(iter(present.values()), 1)
        added = [_nodes(kind, wanted, random) for kind in kinds if kind not in present]
        return replace(self, nodes=(*self.nodes, *(node for nodes in added for node in nodes)))


def new_setup(random: Random) -> Setup:
    """Return a setup of no nodes yet."""
    return Setup(base64.urlsafe_b64encode(random.randbytes(16)).decode().rstrip("="))


def _nodes(kind: Kind, size: int, random: Random) -> list[Node]:
    """Kafka's nodes have ports of their own on one address; Cassandra's an address each with the same ports."""
    names = _PORTS[kind]
    if kind is Kind.KAFKA:
        ports = free_ports(["127.0.0.1"], size * len(names), random)
        chunks = [ports[start::size] for start in range(size)]
        return [
            Node(kind, at + 1, "127.0.0.1", dict(zip(names, chunk, strict=True))) for at, chunk in enumerate(chunks)
        ]
    hosts = [f"127.0.0.{number}" for number in range(1, size + 1)]
    shared = dict(zip(names, free_ports(hosts, len(names), random), strict=True))
    return [Node(kind, at + 1, host, shared) for at, host in enumerate(hosts)]


def read_setup(file: Path) -> Setup | None:
    """Return the setup that a file holds, None where there is no file."""
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    nodes = (Node(Kind(node["kind"]), node["number"], node["host"], node["ports"]) for node in held["nodes"])
    return Setup(held["cluster_id"], tuple(nodes))


def write_setup(setup: Setup, file: Path) -> None:
    """Write a setup to a file, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(asdict(setup), indent=2) + "\n", encoding="utf-8")
    beside.replace(file)
