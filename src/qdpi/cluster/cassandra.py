"""Cassandra's configuration files and command line: nodes on loopback addresses that share their ports.

The values of cassandra.yaml are described in
https://cassandra.apache.org/doc/5.0/cassandra/managing/configuration/cass_yaml_file.html.
The exports and opens are those of Cassandra's jvm17-server.options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from qdpi.cluster.setup import Node, NodeFiles, Options, Setup
from qdpi.cluster.tools import MIN_JAVA, Java, Programs

_EXPORTS: Final = (
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
)
_OPENS: Final = (
    "java.base/java.lang.module",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.reflect",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "jdk.management/com.sun.management.internal",
)
_JVM: Final = (
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xss512k",
    "-Djava.net.preferIPv4Stack=true",
)
_LOWEST_TOKEN: Final = -(2**63)

LOGBACK: Final = """<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{yyyy-MM-dd'T'HH:mm:ss.SSS} %-5level [%thread] %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
"""
PERIODIC: Final = {"commitlog_sync": "periodic", "commitlog_sync_period": "10s"}
"""Commit log settings for a node that does not wait for its disk at every write."""


async def prepare(node: Node, setup: Setup, files: NodeFiles, programs: Programs, options: Options) -> None:
    """Write a node's cassandra.yaml and logback.xml."""
    files.data.mkdir(parents=True, exist_ok=True)
    values = configuration(node, setup.of(node.kind), files.data, options.cassandra)
    (files.directory / "cassandra.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    (files.directory / "logback.xml").write_text(LOGBACK, encoding="utf-8")


def command(node: Node, setup: Setup, files: NodeFiles, programs: Programs, options: Options) -> list[str]:
    """Return the command that starts a node from its prepared files."""
    alone = len(setup.of(node.kind)) == 1
    java_options = options.java_options(1_024 if alone else 512)
    return serve_command(programs.java, programs.jars, files.directory, java_options, alone=alone)


def configuration(node: Node, peers: Sequence[Node], data: Path, changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cassandra.yaml of a node. `peers` includes the node; the values in `changed` override the others."""
    return {
        "cluster_name": "qdpi",
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "num_tokens": 1,
        "initial_token": str(token(node.number, len(peers))),
        "auto_bootstrap": False,
        **_addresses(node, peers),
        **_directories(data),
        **_durability(len(peers)),
        "commitlog_disk_access_mode": "mmap",
        "commitlog_segment_size": "64MiB",  # a mutation may be half of that
        "auto_snapshot": False,
        "paxos_variant": "v2",
        "storage_compatibility_mode": "NONE",
        **changed,
    }


def token(number: int, nodes: int) -> int:
    """Return the token of a node, numbered from 1, where the nodes share the ring evenly."""
    return _LOWEST_TOKEN + (number - 1) * (2**64 // nodes) + (1 if number == 1 else 0)


def _durability(nodes: int) -> dict[str, Any]:
    # A killed node loses the writes it had not synced. Its peers have them, but a single node must wait for its disk.
    if nodes == 1:
        return {"commitlog_sync": "batch"}
    return dict(PERIODIC)


def _addresses(node: Node, peers: Sequence[Node]) -> dict[str, Any]:
    # All nodes are seeds: a node that is not a seed cannot start before one that is.
    seeds = ",".join(f"{each.host}:{each.ports['storage']}" for each in peers)
    provider = "org.apache.cassandra.locator.SimpleSeedProvider"
    return {
        "listen_address": node.host,
        "rpc_address": node.host,
        "storage_port": node.ports["storage"],
        "native_transport_port": node.ports["native"],
        "endpoint_snitch": "SimpleSnitch",
        "seed_provider": [{"class_name": provider, "parameters": [{"seeds": seeds}]}],
    }


def _directories(data: Path) -> dict[str, Any]:
    return {
        "data_file_directories": [str(data / "data")],
        "commitlog_directory": str(data / "commitlog"),
        "hints_directory": str(data / "hints"),
        "saved_caches_directory": str(data / "saved_caches"),
        "cdc_raw_directory": str(data / "cdc_raw"),
    }


def serve_command(java: Java, jars: Path, directory: Path, java_options: Sequence[str], *, alone: bool) -> list[str]:
    """Return the command that starts a server from a directory with cassandra.yaml and logback.xml."""
    opened = [f"--add-exports={package}=ALL-UNNAMED" for package in _EXPORTS]
    opened += [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENS]
    switches = [f"-D{name}={value}" for name, value in _switches(java, directory, alone).items()]
    main = "org.apache.cassandra.service.CassandraDaemon"
    return [str(java.program), *java_options, *_JVM, *opened, *switches, "-cp", f"{jars}/*", main]


def _switches(java: Java, directory: Path, alone: bool) -> dict[str, str]:
    # Cassandra sets a security manager, which newer versions of Java allow only with this switch.
    allowed = {"java.security.manager": "allow"} if java.release > MIN_JAVA else {}
    return {
        "cassandra.config": (directory / "cassandra.yaml").as_uri(),
        "cassandra.storagedir": str(directory / "data"),
        "logback.configurationFile": str(directory / "logback.xml"),
        "cassandra-foreground": "yes",
        "cassandra.superuser_setup_delay_ms": "0",
        "cassandra.ring_delay_ms": "0" if alone else "500",
        "cassandra.skip_wait_for_gossip_to_settle": "0",
        "cassandra.consistent.rangemovement": "false",
        "chronicle.analytics.disable": "true",
        "jdk.attach.allowAttachSelf": "true",
        **allowed,
    }
