"""The text that `qdpi run` prints once it answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import factories

from qdpi.cli.run import invitation, session_of
from qdpi.settings import Settings


def settings(directory: Path, **changes: object) -> Settings:
    return Settings(data_dir=directory, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "named", "not_named"),
    [
        ({}, ["data   {data}"], ["Kafka", "Cassandra"]),
        ({"kafka_brokers": "k:1"}, ["bus    Kafka at k:1", "data   {data}"], ["Cassandra"]),
        ({"cassandra_hosts": "c:2"}, ["store  Cassandra at c:2, keyspace gibsey", "data   {data}"], ["Kafka"]),
        ({"kafka_brokers": "k:1", "cassandra_hosts": "c:2"}, ["Kafka at k:1", "Cassandra at c:2"], ["{data}"]),
    ],
)
def test_invitation_names_servers_or_data_directory(
    tmp_path: Path, given: dict[str, str], named: list[str], not_named: list[str]
):
    """The invitation names the servers or the data directory."""
    result = invitation(settings(tmp_path, **given), "http://x", factories.canon_revision(), "offline")

    assert all(words.format(data=tmp_path) in result for words in named)
    assert not any(words.format(data=tmp_path) in result for words in not_named)


def test_invitation_gets_a_session_that_nobody_guesses():
    assert "http://x/api/v1/session" in session_of("http://x")
