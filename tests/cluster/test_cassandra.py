from __future__ import annotations

from pathlib import Path

import pytest

from qdpi.cluster import Kind, Node
from qdpi.cluster.cassandra import configuration, serve_command, token
from qdpi.cluster.tools import Java

DATA = Path("/somewhere/data")


def nodes(count: int) -> list[Node]:
    return [
        Node(Kind.CASSANDRA, number, f"127.0.0.{number}", {"native": 1, "storage": 2}) for number in range(1, count + 1)
    ]


def command(release: int = 17) -> list[str]:
    return serve_command(Java(Path("/java"), release), Path("/jars"), Path("/node"), ["-Xmx1g"], alone=True)


@pytest.mark.parametrize("count", [1, 3])
def test_tokens_divide_the_ring_evenly(count: int):
    tokens = [token(number, count) for number in range(1, count + 1)]
    ring = 2**64
    parts = [(after - before) % ring or ring for before, after in zip(tokens, [*tokens[1:], tokens[0]], strict=True)]

    assert all(-(2**63) < each < 2**63 for each in tokens)  # the lowest value means no token
    assert max(parts) - min(parts) <= 3


def test_every_node_is_a_seed():
    """Every node is a seed, so that all may start at once."""
    peers = nodes(3)

    for node in peers:
        (provider,) = configuration(node, peers, DATA, {})["seed_provider"]
        assert provider["parameters"] == [{"seeds": "127.0.0.1:2,127.0.0.2:2,127.0.0.3:2"}]


def test_node_address_and_directories():
    """A node listens on its own loopback address and stores everything in its data directory."""
    peers = nodes(3)
    held = configuration(peers[1], peers, DATA, {})

    assert held["listen_address"] == held["rpc_address"] == "127.0.0.2"
    assert all(str(held[name]).strip("[]'").startswith(str(DATA)) for name in held if "director" in name)


def test_truncation_leaves_no_snapshot():
    (one,) = peers = nodes(1)

    assert configuration(one, peers, DATA, {})["auto_snapshot"] is False


def test_commit_log_sync_by_number_of_nodes():
    """A single node waits for its disk at every write; nodes with peers need not."""
    alone, three = nodes(1), nodes(3)
    assert configuration(alone[0], alone, DATA, {})["commitlog_sync"] == "batch"
    assert {configuration(node, three, DATA, {})["commitlog_sync"] for node in three} == {"periodic"}


def test_options_override_values():
    (one,) = peers = nodes(1)
    held = configuration(one, peers, DATA, {"authenticator": "PasswordAuthenticator", "num_tokens": 4})

    assert (held["authenticator"], held["num_tokens"]) == ("PasswordAuthenticator", 4)


def test_analytics_are_disabled():
    assert "-Dchronicle.analytics.disable=true" in command()


def test_security_manager_is_allowed_on_newer_java():
    allowing = "-Djava.security.manager=allow"

    assert allowing not in command(17)
    assert allowing in command(21)


def test_java_options_are_passed():
    assert "-Xmx1g" in command()
