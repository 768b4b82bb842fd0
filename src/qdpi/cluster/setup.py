"""What a cluster is set up as: its nodes and their ports, kept in a file while they are down too."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

from qdpi.cluster.node import Kind, Node
from qdpi.cluster.ports import free_ports
from qdpi.errors import InvalidInput

SIZES: Final = (1, 3)
_PORTS: Final = {Kind.KAFKA: ("open", "controller", "guarded"), Kind.CASSANDRA: ("native", "storage")}


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
