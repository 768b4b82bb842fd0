"""Diagnostics of a Cassandra cluster: nodes, replicas of the keyspace, and clocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from qdpi.health import Health, HealthCheck

MAX_CLOCK_OFFSET: Final = 0.5
"""Seconds that clocks may differ without a warning. Projections are written at the times of our machines."""


def diagnose(cluster: Any, session: Any, keyspace: str, version: int) -> list[HealthCheck]:
    """Return the checks of a connected cluster. Blocks while it queries the nodes."""
    hosts = cluster.metadata.all_hosts()
    strategy = cluster.metadata.keyspaces[keyspace].replication_strategy
    nodes: dict[str, int] = {}
    for host in hosts:
        nodes[host.datacenter] = nodes.get(host.datacenter, 0) + 1
    return [
        *_nodes(hosts),
        HealthCheck(Health.OK, f"Keyspace {keyspace} has schema version {version}, {strategy.export_for_schema()}."),
        *replicas(_factors(strategy, nodes), nodes),
        *clocks({host.address: _clock_offset(session, host) for host in hosts if host.is_up}),
    ]


def _nodes(hosts: list[Any]) -> Iterator[HealthCheck]:
    releases = sorted({str(host.release_version) for host in hosts})
    down = sorted(host.address for host in hosts if host.is_up is False)
    if down:
        step = "Start them; they then receive the writes that they missed."
        yield HealthCheck(Health.WARN, f"{len(down)} of {len(hosts)} nodes are down: {', '.join(down)}.", step)
    else:
        nodes = f"{len(hosts)} node{'s' * (len(hosts) != 1)}"
        yield HealthCheck(Health.OK, f"Cassandra {', '.join(releases)} has {nodes}, all reachable as far as is known.")


def _factors(strategy: Any, nodes: Mapping[str, int]) -> dict[str, int]:
    by_datacenter = getattr(strategy, "dc_replication_factors", None)
    if by_datacenter is not None:
        return {name: int(factor) for name, factor in by_datacenter.items()}
    return dict.fromkeys(nodes, int(getattr(strategy, "replication_factor", 1)))


def replicas(factors: Mapping[str, int], nodes: Mapping[str, int]) -> Iterator[HealthCheck]:
    """Yield checks of the replication factor against the nodes of each datacenter."""
    for datacenter, factor in factors.items():
        count = nodes.get(datacenter, 0)
        detail = f"Replication factor {factor} on {count} nodes of {datacenter}"
        if count < factor // 2 + 1:
            step = "Lower the factor with ALTER KEYSPACE, or add nodes; until then nothing can be written there."
            yield HealthCheck(Health.FAIL, f"{detail}: no quorum.", step)
        elif count < factor:
            yield HealthCheck(Health.WARN, f"{detail}.", "Lower the factor with ALTER KEYSPACE, or add nodes.")
        elif factor < 3 <= count:
            step = "ALTER KEYSPACE to 3 replicas and run `nodetool repair`: then one node may fail."
            yield HealthCheck(Health.WARN, f"{detail}: no node may fail.", step)


def _clock_offset(session: Any, host: Any) -> float | None:
    """Return the seconds that a node's clock is at least ahead of ours; None where it does not answer."""
    sent = datetime.now(UTC)
    try:
        (row,) = session.execute("SELECT toTimestamp(now()) AS at FROM system.local", host=host)
    except Exception:
        return None
    at, received = row["at"].replace(tzinfo=UTC), datetime.now(UTC)
    if at > received:
        return float((at - received).total_seconds())
    return float(min(0.0, (at - sent).total_seconds()))


def clocks(offsets: Mapping[str, float | None]) -> Iterator[HealthCheck]:
    """Yield checks of clocks, from the seconds that each node's is ahead of ours."""
    known = {address: seconds for address, seconds in offsets.items() if seconds is not None}
    off = [f"{address} by {seconds:+.1f} s" for address, seconds in known.items() if abs(seconds) > MAX_CLOCK_OFFSET]
    if off:
        step = "Synchronize all machines' clocks, by NTP or chrony: rows are ordered by them."
        yield HealthCheck(Health.WARN, f"Clocks differ from this machine's: {', '.join(off)}.", step)
    elif known:
        yield HealthCheck(Health.OK, f"Clocks are within {MAX_CLOCK_OFFSET:g} s of this machine's.")
