"""Writing what a node starts from, and the command that starts it."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from dataclasses import dataclass
from pathlib import Path

import yaml

from qdpi.cluster import cassandra, kafka
from qdpi.cluster.setup import Kind, Node, Options, Place, Setup
from qdpi.cluster.tools import Java
from qdpi.errors import ServicesFailed


@dataclass(frozen=True, slots=True)
class Programs:
    """With what a node runs: Java, and the directory of its jars."""

    java: Java
    jars: Path


async def prepare(node: Node, setup: Setup, place: Place, programs: Programs, options: Options) -> None:
    """Write a node's files, and make its storage where there is none. Raises `ServicesFailed`."""
    place.data.mkdir(parents=True, exist_ok=True)
    fellows = setup.of(node.kind)
    if node.kind is Kind.CASSANDRA:
        held = cassandra.configuration(node, fellows, place.data, options.cassandra)
        (place.directory / "cassandra.yaml").write_text(yaml.safe_dump(held, sort_keys=False), encoding="utf-8")
        (place.directory / "logback.xml").write_text(cassandra.LOGBACK, encoding="utf-8")
        return
    values = {**kafka.properties(node, fellows, place.data, options.kafka_guard), **options.kafka}
    file = place.directory / "server.properties"
    file.write_text(kafka.properties_text(values), encoding="utf-8")
    if not (place.data / "meta.properties").exists():
        await _run(kafka.format_command(programs.java.program, programs.jars, file, setup.cluster_id), node)


def command_of(node: Node, setup: Setup, place: Place, programs: Programs, options: Options) -> list[str]:
    """Return the command that serves a node from its prepared files."""
    alone = len(setup.of(node.kind)) == 1
    java, jars = programs.java, programs.jars
    if node.kind is Kind.CASSANDRA:
        tuned = _java_options(1_024 if alone else 512, options)
        return cassandra.serve_command(java, jars, place.directory, tuned, alone=alone)
    tuned = _java_options(512 if alone else 384, options)
    return kafka.serve_command(java.program, jars, place.directory / "server.properties", tuned)


def _java_options(heap_mib: int, options: Options) -> list[str]:
    return [f"-Xms{heap_mib // 2}m", f"-Xmx{heap_mib}m", *options.java]


async def _run(command: list[str], node: Node) -> None:
    child = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    said, _ = await child.communicate()
    if child.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise ServicesFailed(f"{node.name} has no storage: {last[0][:300]}")
