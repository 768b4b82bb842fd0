"""A node: one server of a cluster on this machine, and where everything of it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """What a node serves."""

    KAFKA = "kafka"
    CASSANDRA = "cassandra"


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
