"""Cassandra's settings in the driver's configuration and the schema, and translated errors."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cassandra import AuthenticationFailed, InvalidRequest, OperationTimedOut, Unavailable, WriteTimeout
from cassandra.cluster import EXEC_PROFILE_DEFAULT, NoHostAvailable
from cassandra.policies import FallthroughRetryPolicy, TokenAwarePolicy
from cassandra.protocol import ConfigurationException, ErrorMessageSub, OverloadedErrorMessage, SyntaxException

from qdpi.errors import InvalidSetting, QdpiError, StoreUnavailable
from qdpi.settings import Settings, load_settings
from qdpi.store.cassandra.driver import addresses, cluster_of
from qdpi.store.cassandra.errors import translate
from qdpi.store.cassandra.schema import keyspace_of, replication_of, schema_text, script_of, statements_of


def given(**changes: Any) -> Settings:
    return load_settings({}, **{"cassandra_hosts": "127.0.0.1", **changes})


@pytest.mark.parametrize(
    ("hosts", "found"),
    [
        ("a", [("a", 9042)]),
        ("a:1, b:2 ,c", [("a", 1), ("b", 2), ("c", 9042)]),
        ("[::1]:5,[fe80::1]", [("::1", 5), ("fe80::1", 9042)]),
    ],
)
def test_hosts_with_and_without_a_port(hosts: str, found: list[tuple[str, int]]) -> None:
    assert addresses(hosts) == found


@pytest.mark.parametrize("hosts", ["", " , ", "a:b", "a:0", "a:70000", "::1", "a b"])
def test_invalid_hosts_are_refused(hosts: str) -> None:
    with pytest.raises(InvalidSetting, match="CASSANDRA_HOSTS"):
        addresses(hosts)


@pytest.mark.parametrize(
    ("replication", "cql"),
    [
        ("1", "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}"),
        ("dc1:3, dc-2:2", "{'class': 'NetworkTopologyStrategy', 'dc1': 3, 'dc-2': 2}"),
    ],
)
def test_replication_with_and_without_datacenters(replication: str, cql: str) -> None:
    assert replication_of(given(cassandra_replication=replication)) == cql


@pytest.mark.parametrize("replication", ["", "0", "x", "dc1:0", "dc1:", "dc1:1,dc1:2", "dc'1:3"])
def test_invalid_replication_is_refused(replication: str) -> None:
    with pytest.raises(InvalidSetting, match="CASSANDRA_REPLICATION"):
        replication_of(Settings(cassandra_replication=replication))


@pytest.mark.parametrize("keyspace", ["Gibsey", "x;y", "1st", "a" * 49, 'a"b'])
def test_keyspace_in_need_of_quotes_is_refused(keyspace: str) -> None:
    with pytest.raises(InvalidSetting, match="CASSANDRA_KEYSPACE"):
        keyspace_of(given(cassandra_keyspace=keyspace))


def test_script_for_another_keyspace() -> None:
    as_shipped = script_of(given())
    assert statements_of(as_shipped) == statements_of(schema_text())
    elsewhere = script_of(given(cassandra_keyspace="elsewhere", cassandra_replication="dc1:3"))
    create, use, *rest = statements_of(elsewhere)
    assert (create, use) == (
        "CREATE KEYSPACE IF NOT EXISTS elsewhere WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}",
        "USE elsewhere",
    )
    assert rest == statements_of(schema_text())[2:]
    assert "gibsey" not in "".join(rest)


def test_every_table_has_a_comment() -> None:
    lines = schema_text().splitlines()
    tables = [place for place, line in enumerate(lines) if line.startswith("CREATE TABLE")]
    assert len(tables) >= 16
    assert all(lines[place - 1].startswith("-- ") for place in tables)


def test_the_driver_is_configured_from_the_settings() -> None:
    cluster = cluster_of(
        given(
            cassandra_hosts="127.0.0.1:1,127.0.0.2:2",
            cassandra_timeout=3,
            cassandra_datacenter="here",
            cassandra_username="u",
            cassandra_password="p",
        )
    )
    profile = cluster.profile_manager.profiles[EXEC_PROFILE_DEFAULT]
    assert cluster.protocol_version == 5
    assert cluster.connect_timeout == 1.5
    assert isinstance(profile.retry_policy, FallthroughRetryPolicy)
    assert isinstance(profile.load_balancing_policy, TokenAwarePolicy)
    assert (profile.request_timeout, profile.load_balancing_policy._child_policy.local_dc) == (3, "here")
    assert (cluster.auth_provider.username, cluster.auth_provider.password) == ("u", "p")
    assert cluster.ssl_context is None


def test_tls_verifies_nodes_and_presents_our_certificate() -> None:
    cluster = cluster_of(given(cassandra_tls="on"))
    assert cluster.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert cluster.ssl_context.check_hostname


@pytest.mark.parametrize("setting", ["cassandra_ca", "cassandra_certificate"])
def test_an_unreadable_certificate_is_refused(setting: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=setting.upper()):
        cluster_of(given(cassandra_tls="on", **{setting: tmp_path / "none.pem"}))


OUTAGES = [
    (NoHostAvailable("", {"a": ConnectionRefusedError("refused")}), r"no node can be reached \(refused\)", "runs"),
    (NoHostAvailable("", {"a": AuthenticationFailed("user x")}), "user x", "CASSANDRA_PASSWORD"),
    (OperationTimedOut(), "no answer in time", "CASSANDRA_TIMEOUT"),
    (WriteTimeout("slow", write_type=0), "slow", "CASSANDRA_TIMEOUT"),
    (Unavailable("too few", consistency=6), "too few", "quorum"),
    (InvalidRequest("unconfigured table pages"), "unconfigured table pages", "cassandra-init"),
    (TimeoutError(), "too many requests are in flight", "CASSANDRA_TIMEOUT"),
    (ConnectionResetError("reset"), "reset", "retries by itself"),
    (OverloadedErrorMessage(code=0x1001, message="too much", info=None), "too much", "retries by itself"),
    (ErrorMessageSub(code=0x1700, message="CAS unknown", info=None), "CAS unknown", "retries by itself"),
    (ConfigurationException(code=0x2300, message="no dc9", info=None), "no dc9", "CASSANDRA_REPLICATION"),
]


@pytest.mark.parametrize(("error", "said", "step"), OUTAGES, ids=lambda value: type(value).__name__)
def test_outages_name_cluster_cause_and_next_step(error: Exception, said: str, step: str) -> None:
    translated = translate("a:1", error, str)
    assert isinstance(translated, StoreUnavailable)
    with pytest.raises(StoreUnavailable, match=f"Cassandra at a:1: .*{said}"):
        raise translated
    assert step in translated.next_step


def test_an_invalid_request_is_no_outage() -> None:
    for error in (
        InvalidRequest("Mutation of 20MiB is too large"),
        SyntaxException(code=0x2000, message="no viable alternative", info=None),
    ):
        translated = translate("a:1", error, str)
        assert isinstance(translated, QdpiError)
        assert not isinstance(translated, StoreUnavailable)


@pytest.mark.process
def test_the_driver_is_imported_only_for_cassandra(tmp_path: Path) -> None:
    script = (
        "import sys; from qdpi.bootstrap import build_store; from qdpi.settings import load_settings; "
        "build_store(load_settings({})); print(sorted(name for name in sys.modules if name.startswith('cassandra')))"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "QDPI_DATA_DIR": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout == "[]\n"
