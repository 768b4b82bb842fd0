from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from cassandra import ConsistencyLevel
from tests.cluster.clients import session
from tests.support.servers import servers_in

from qdpi.cluster import Kind, Node, Options
from qdpi.cluster.artifacts import VERSIONS
from qdpi.cluster.cassandra import configuration

FILE = Path(__file__).parents[2] / "docker-compose.yaml"
SERVICES = ("cassandra", "redpanda")
IN_THE_IMAGE = {
    "commitlog_sync": "periodic",
    "commitlog_sync_period": "10000ms",
    "paxos_variant": "v1",
    "storage_compatibility_mode": "CASSANDRA_4",
}
"""The values of the image's cassandra.yaml, or its defaults, where they differ from ours."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    held: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return held


def test_services_are_cassandra_and_redpanda(compose: dict[str, Any]):
    assert tuple(compose["services"]) == SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_images_have_exact_versions(compose: dict[str, Any], name: str):
    assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", compose["services"][name]["image"])


def test_cassandra_version_matches_the_jars(compose: dict[str, Any]):
    assert compose["services"]["cassandra"]["image"] == VERSIONS[Kind.CASSANDRA].replace("-", ":")


def java_options(compose: dict[str, Any]) -> str:
    return str(compose["services"]["cassandra"]["environment"]["JVM_EXTRA_OPTS"])


def of_a_lone_node() -> dict[str, Any]:
    node = Node(Kind.CASSANDRA, 1, "127.0.0.1", {"native": 9042, "storage": 7000})
    return configuration(node, [node], Path("/data"), {})


def test_cassandra_settings_match_a_single_node(compose: dict[str, Any]):
    """Cassandra has the commit log and Paxos settings of our single node."""
    given = dict(re.findall(r"-D(\S+)=(\S+)", java_options(compose)))
    settings = {name: given.get(f"cassandra.settings.{name}") for name in IN_THE_IMAGE}
    period = settings.pop("commitlog_sync_period")

    assert settings == {name: of_a_lone_node()[name] for name in settings}
    assert (settings["commitlog_sync"], period) == ("batch", "0ms")  # it refuses batch beside a period
    assert given["cassandra.config.allow_system_properties"] == "true"  # else all of them are passed over


@pytest.mark.long
@pytest.mark.cassandra
def test_cassandra_options_override_its_file(compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", java_options(compose))
    with servers_in(tmp_path, kafka=False, options=Options(cassandra=IN_THE_IMAGE)) as servers:
        hosts = servers.environment["CASSANDRA_HOSTS"]
        with session(hosts, ConsistencyLevel.ONE) as cql:
            held = {row.name: row.value for row in cql.execute("SELECT name, value FROM system_views.settings")}

    ours = {name: str(value) for name, value in of_a_lone_node().items() if name in IN_THE_IMAGE}
    assert ours.items() <= held.items()


@pytest.mark.parametrize("name", SERVICES)
def test_ports_listen_on_loopback_only(compose: dict[str, Any], name: str):
    assert all(port.startswith("127.0.0.1:") for port in compose["services"][name]["ports"])


@pytest.mark.parametrize("name", SERVICES)
def test_services_have_volumes_and_health_checks(compose: dict[str, Any], name: str):
    service = compose["services"][name]
    (volume,) = service["volumes"]

    assert volume.partition(":")[0] in compose["volumes"]
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_advertised_address_is_reachable(compose: dict[str, Any]):
    service = compose["services"]["redpanda"]
    advertised = re.search(r"--advertise-kafka-addr=\S*outside://(\S+)", " ".join(service["command"]))

    assert advertised is not None
    assert f"{advertised[1]}:9092" in service["ports"]


def test_session_timeout_matches_our_brokers(compose: dict[str, Any]):
    (mounted,) = compose["services"]["redpanda"]["configs"]
    held = yaml.safe_load(compose["configs"][mounted["source"]]["content"])

    assert mounted["target"] == "/etc/redpanda/.bootstrap.yaml"
    assert held["group_min_session_timeout_ms"] <= 2_000
    assert held["auto_create_topics_enabled"] is False


@pytest.mark.process
def test_docker_compose_accepts_the_file():
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not here")

    taken = subprocess.run(
        [docker, "compose", "--file", FILE, "config", "--quiet"], capture_output=True, text=True, check=False
    )

    assert (taken.returncode, taken.stderr) == (0, "")
