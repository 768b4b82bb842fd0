"""`qdpi cassandra-init`: its output, its refusals and the keyspace that it creates."""

from __future__ import annotations

import json

import pytest
from tests.cli.conftest import Call


def test_print_writes_cql_without_a_server(qdpi: Call) -> None:
    """The CQL is printed for any keyspace, without a server."""
    result = qdpi("cassandra-init", "--print", "--cassandra-keyspace", "elsewhere", "--cassandra-replication", "dc1:3")
    assert result.code == 0
    assert "CREATE KEYSPACE IF NOT EXISTS elsewhere WITH replication = " in result.out
    assert "'dc1': 3}" in result.out
    assert "CREATE TABLE IF NOT EXISTS outcomes (" in result.out
    assert "gibsey" not in result.out.split("USE elsewhere;")[1]


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        ((), 2, "CASSANDRA_HOSTS"),
        (("--cassandra-hosts", "127.0.0.1:1"), 1, "no node can be reached"),
        (("--cassandra-hosts", "127.0.0.1:1", "--cassandra-keyspace", "No"), 2, "CASSANDRA_KEYSPACE"),
    ],
)
def test_init_failure_is_one_sentence(qdpi: Call, flags: tuple[str, ...], code: int, said: str) -> None:
    """A failure is one sentence with a next step."""
    result = qdpi("cassandra-init", *flags)
    assert result.code == code
    assert said in result.err
    assert result.err.count("\n") == 1


@pytest.mark.cassandra
def test_init_is_idempotent(qdpi: Call, cassandra_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyspace is created once; a second call leaves it unchanged."""
    from tests.support.keyspace import keyspace

    from qdpi.store.cassandra.schema import schema_of

    with keyspace(cassandra_environment) as space:
        for name, value in space.environment.items():
            monkeypatch.setenv(name, value)
        for table in ("vault", "schema_version"):
            space.rows(f"DROP TABLE {table}")
        version = schema_of(space.settings).version
        for _ in range(2):
            made = json.loads(qdpi("cassandra-init", "--json").out)
            assert (made["keyspace"], made["version"], made["vectors"]) == (space.name, version, True)
        assert {"vault", "outcomes"} <= set(space.tables())
        assert f"has its tables, version {version}" in qdpi("cassandra-init").out
