"""The setup of a cluster: its nodes, their files and ports, and the options with which servers start.

The nodes and ports are stored in a file, so that they survive while the servers are down.
"""

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

SHORT_LIVED: Final = ("-XX:TieredStopAtLevel=1",)
"""Java options for servers that run for minutes: the compiler is fast, the code it produces slower."""
_RANGE: Final = range(20_000, 32_000)
"""Below the ports of outgoing connections, one of which could take the port of a stopped server."""
SIZES: Final = (1, 3)


class Kind(StrEnum):
    """The kind of server."""

    KAFKA = "kafka"
    CASSANDRA = "cassandra"


_PORTS: Final = {Kind.KAFKA: ("open", "controller", "guarded"), Kind.CASSANDRA: ("native", "storage")}


@dataclass(frozen=True, slots=True)
class Node:
    """One server of a cluster. `number` counts from 1 within its kind; `ports` maps a purpose to a port."""

    kind: Kind
    number: int
    host: str
    ports: Mapping[str, int]

    @property
    def name(self) -> str:
        """The name, such as kafka-1."""
        return f"{self.kind}-{self.number}"

    @property
    def address(self) -> str:
        """The address for clients, host:port."""
        return f"{self.host}:{self.ports['open' if self.kind is Kind.KAFKA else 'native']}"


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """The paths of a node's files."""

    directory: Path

    @property
    def data(self) -> Path:
        """The directory of its data."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """The file of its output."""
        return self.directory / "log"

    @property
    def pid_file(self) -> Path:
        """The file with its process id, locked while the process runs."""
        return self.directory / "pid"


@dataclass(frozen=True, slots=True)
class Options:
    """Options for starting servers, available from Python only.

    - `kafka_guard`: the properties of a second listener of every broker, at `Servers.guarded_kafka`. `protocol` is
      its security protocol; the others are Kafka's without the prefix `listener.name.guarded.`, such as
      `sasl.enabled.mechanisms`, `plain.sasl.jaas.config` or `ssl.keystore.certificate.chain`.
    - `kafka`: additional server.properties.
    - `cassandra`: values that override those of cassandra.yaml, such as
      `{"authenticator": "PasswordAuthenticator"}`.
    - `java`: additional Java options, such as `SHORT_LIVED`.
    - `start_timeout`: seconds that a server may take to start.
    """

    kafka_guard: Mapping[str, str] = field(default_factory=dict)
    kafka: Mapping[str, str] = field(default_factory=dict)
    cassandra: Mapping[str, Any] = field(default_factory=dict)
    java: tuple[str, ...] = ()
    start_timeout: float = 180.0

    def java_options(self, heap_mib: int) -> list[str]:
        """Return the Java options for a server with a heap of at most `heap_mib` MiB."""
        return [f"-Xms{heap_mib // 2}m", f"-Xmx{heap_mib}m", *self.java]


def free_ports(hosts: Sequence[str], count: int, random: Random) -> list[int]:
    """Return `count` ports, each free on all of the addresses. Raises `ServicesFailed`."""
    found: list[int] = []
    for port in random.sample(_RANGE, len(_RANGE)):
        if all(is_free(host, port) for host in hosts):
            found.append(port)
        if len(found) == count:
            return found
    raise ServicesFailed(
        f"Fewer than {count} ports from {_RANGE.start} to {_RANGE.stop} are free.", next_step="Stop other servers."
    )


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen on a port. Raises `ServicesFailed` if the address is not this machine's."""
    with closing(socket.socket()) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise ServicesFailed(
                    f"{host} is not an address of this machine.", next_step=_address_hint(host)
                ) from error
            return False
    return True


def _address_hint(host: str) -> str:
    command = f"ifconfig lo0 alias {host}" if sys.platform == "darwin" else f"ip address add {host}/8 dev lo"
    return f"Run `sudo {command}`, and try again."


@dataclass(frozen=True, slots=True)
class Setup:
    """The nodes of a cluster. `cluster_id` is Kafka's, 16 bytes in Base64."""

    cluster_id: str
    nodes: tuple[Node, ...] = ()

    def of(self, kind: Kind) -> tuple[Node, ...]:
        """Return the nodes of a kind, by number."""
        return tuple(node for node in self.nodes if node.kind is kind)

    def with_kinds(self, kinds: Iterable[Kind], size: int | None, random: Random) -> Setup:
        """Return this setup with the missing ones of these kinds added, on free ports.

        `size` is the number of nodes of each kind. With None, a kind that is set up keeps its number, and a new kind
        gets the number of the other kind, or one. Raises `InvalidInput` if another number is set up, and
        `ServicesFailed` if no ports are free.
        """
        if size not in (None, *SIZES):
            raise InvalidInput(f"{size} nodes are not supported: 1 or 3 are.")
        present = {kind: len(self.of(kind)) for kind in Kind if self.of(kind)}
        for kind in kinds:
            if size and present.get(kind, size) != size:
                raise InvalidInput(
                    f"{kind} is set up with {present[kind]} nodes, not {size}.",
                    next_step="Keep them, or remove them with all their data: `qdpi services down --delete`.",
                )
        wanted = size or next(iter(present.values()), 1)
        added = [_nodes(kind, wanted, random) for kind in kinds if kind not in present]
        return replace(self, nodes=(*self.nodes, *(node for nodes in added for node in nodes)))


def new_setup(random: Random) -> Setup:
    """Return a setup without nodes."""
    return Setup(base64.urlsafe_b64encode(random.randbytes(16)).decode().rstrip("="))


def _nodes(kind: Kind, size: int, random: Random) -> list[Node]:
    """Return new nodes: Kafka's share an address and differ in ports, Cassandra's differ in addresses."""
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
    """Return the setup stored in a file, None if there is no file."""
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    nodes = (Node(Kind(node["kind"]), node["number"], node["host"], node["ports"]) for node in held["nodes"])
    return Setup(held["cluster_id"], tuple(nodes))


def write_setup(setup: Setup, file: Path) -> None:
    """Write a setup to a file atomically."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(asdict(setup), indent=2) + "\n", encoding="utf-8")
    beside.replace(file)
