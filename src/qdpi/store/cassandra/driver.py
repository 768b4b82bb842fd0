"""The driver's cluster object, configured from the settings."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.io.libevreactor import LibevConnection
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    FallthroughRetryPolicy,
    TokenAwarePolicy,
)
from cassandra.query import dict_factory

from qdpi.errors import InvalidSetting
from qdpi.settings import Settings, Switch

T = TypeVar("T")

DEFAULT_PORT: Final = 9042
PROTOCOL: Final = 5
HEARTBEAT: Final = 5
"""Seconds without traffic after which a connection is probed; one that does not answer is closed soon after."""
_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<name>[^:\s]+))(?::(?P<port>\d{1,5}))?")


def cluster_of(settings: Settings) -> Any:
    """Return the driver's cluster object, not connected yet. Raises `InvalidSetting`.

    The driver does not retry requests: its policies do not know which writes may be repeated; the store does.
    `TCP_NODELAY` because a page takes 44 ms without it.
    """
    hosts = addresses(settings.cassandra_hosts or "")
    return Cluster(
        contact_points=hosts,
        port=hosts[0][1],
        protocol_version=PROTOCOL,
        connection_class=LibevConnection,
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        execution_profiles={EXEC_PROFILE_DEFAULT: _profile(settings)},
        auth_provider=_login(settings),
        ssl_context=_tls(settings) if settings.cassandra_tls is Switch.ON else None,
        reconnection_policy=ExponentialReconnectionPolicy(0.25, 2.0, max_attempts=None),
        # Hosts are tried one after another, and together may take no longer than one request.
        connect_timeout=settings.cassandra_timeout / len(hosts),
        control_connection_timeout=settings.cassandra_timeout,
        idle_heartbeat_interval=HEARTBEAT,
        idle_heartbeat_timeout=min(settings.cassandra_timeout, HEARTBEAT),
        metrics_enabled=False,
        monitor_reporting_enabled=False,
        compression=False,
    )


def addresses(hosts: str) -> list[tuple[str, int]]:
    """Return the hosts and ports of `CASSANDRA_HOSTS`. Raises `InvalidSetting`."""
    found = [_address(part.strip()) for part in hosts.split(",") if part.strip()]
    if not found:
        raise InvalidSetting(f"CASSANDRA_HOSTS is {hosts!r}, which names no host.")
    return found


def _address(text: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(text)
    port = int(match["port"] or DEFAULT_PORT) if match else 0
    if match is None or not 0 < port < 65_536:
        raise InvalidSetting(f"CASSANDRA_HOSTS has {text!r}, which is not host or host:port.")
    return match["v6"] or match["name"], port


def _profile(settings: Settings) -> Any:
    local = DCAwareRoundRobinPolicy(settings.cassandra_datacenter or "")
    return ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(local),
        retry_policy=FallthroughRetryPolicy(),
        row_factory=dict_factory,
        request_timeout=settings.cassandra_timeout,
    )


def _login(settings: Settings) -> Any:
    if settings.cassandra_username is None:
        return None
    return PlainTextAuthProvider(settings.cassandra_username, settings.cassandra_password or "")


def _tls(settings: Settings) -> ssl.SSLContext:
    context = _readable("CASSANDRA_CA", settings.cassandra_ca, lambda: _context(settings.cassandra_ca))
    if settings.cassandra_certificate is not None:
        pair = (settings.cassandra_certificate, settings.cassandra_key)
        _readable("CASSANDRA_CERTIFICATE", pair[0], lambda: context.load_cert_chain(*pair))
    return context


def _context(authorities: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authorities)


def _readable(variable: str, path: Path | None, read: Callable[[], T]) -> T:
    try:
        return read()
    except OSError as error:
        raise InvalidSetting(f"{variable} is {str(path)!r}, which cannot be used: {error}.") from error
