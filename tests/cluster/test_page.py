"""docs/services.md agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import click
import pytest
import yaml

from qdpi.cli.services import services
from qdpi.cluster import Kind, environment
from qdpi.cluster.artifacts import VERSIONS
from qdpi.cluster.servers import SESSION_TIMEOUT
from qdpi.cluster.setup import free_ports, new_setup

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "services.md").read_text(encoding="utf-8")


def test_commands_are_documented():
    names = [f"qdpi services {name}" for name in services.list_commands(click.Context(services))]

    assert [name for name in names if name not in PAGE and name != "qdpi services resume"] == []
    assert "`resume NAME`" in PAGE


@pytest.mark.parametrize("size", [1, 3])
def test_variables_are_documented(size: int):
    setup = new_setup(Random(1)).with_kinds(list(Kind), size, Random(2))
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    column = 0 if size == 1 else 1

    variables = environment(setup)
    assert {name for name in rows if name in variables} == set(variables)
    for name in ("KAFKA_REPLICATION", "KAFKA_SESSION_TIMEOUT", "CASSANDRA_REPLICATION"):
        assert rows[name].split(" | ")[column].partition(",")[0] == variables[name]
    assert f"KAFKA_SESSION_TIMEOUT={SESSION_TIMEOUT}" in PAGE


def test_versions_are_documented():
    for kind in Kind:
        assert f"Apache {VERSIONS[kind].replace('-', ' ').capitalize()}" in PAGE


def test_ports_are_documented():
    low, high = map(int, re.findall(r"free ones of (\d+) to (\d+)", PAGE)[0])

    assert all(low <= port <= high for port in free_ports(["127.0.0.1"], 50, Random(1)))


def test_container_addresses_are_documented():
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))
    exported = dict(re.findall(r"(KAFKA_BROKERS|CASSANDRA_HOSTS)=(127\S+)", PAGE))

    for variable, service in (("KAFKA_BROKERS", "redpanda"), ("CASSANDRA_HOSTS", "cassandra")):
        assert f"{exported[variable]}:{exported[variable].rpartition(':')[2]}" in compose["services"][service]["ports"]
