"""How a Cassandra cluster is for our keyspace: nodes, copies, and clocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from qdpi.health import Health, Remark

CLOCKS_APART: Final = 0.5
"""By how many seconds clocks may differ before it is told. Write times of projections come from our machines'."""


def examine(cluster: Any, session: Any, keyspace: str, version: int) -> list[Remark]:
    """Return what is to be said of a cluster that the driver is connected to; blocks while it asks the nodes."""
    hosts = cluster.metadata.all_hosts()
    strategy = cluster.metadata.keyspaces[keyspace].replication_strategy
    nodes: dict[str, int] = {}
    for host in hosts:
        nodes[host.datacenter] = nodes.get(host.datacenter, 0) + 1
    return [
        *_nodes(hosts),
        Remark(Health.OK, f"Keyspace {keyspace} has schema version {version}, {strategy.export_for_schema()}."),
        *copies(_factors(strategy, nodes), nodes),
        *clocks({host.address: _apart(session, host) for host in hosts if host.is_up}),
    ]


def _nodes(hosts: list[Any]) -> Iterator[Remark]:
    releases = sorted({str(host.release_version) for host in hosts})
    down = sorted(host.address for host in hosts if host.is_up is False)
    if down:
        step = "Bring them back; what was written meanwhile is handed to them."
        yield Remark(Health.WARN, f"Nodes are away: {', '.join(down)}, of {len(hosts)}.", step)
    else:
        nodes = f"{len(hosts)} node{'s' * (len(hosts) != 1)}"
        yield Remark(Health.OK, f"Cassandra {', '.join(releases)} has {nodes}, all reachable as far as is known.")


def _factors(strategy: Any, nodes: Mapping[str, int]) -> dict[str, int]:
    by_datacenter = getattr(strategy, "dc_replication_factors", None)
    if by_datacenter is not None:
        return {name: int(factor) for name, factor in by_datacenter.items()}
    return dict.fromkeys(nodes, int(getattr(strategy, "replication_factor", 1)))


def copies(factors: Mapping[str, int], nodes: Mapping[str, int]) -> Iterator[Remark]:
    """Give remarks on how many copies there are, against the nodes of each datacenter."""
    for datacenter, factor in factors.items():
        count = nodes.get(datacenter, 0)
        if count < factor // 2 + 1:
            step = "Lower it with ALTER KEYSPACE, or add nodes; until then nothing can be written there."
            yield Remark(Health.FAIL, f"{factor} copies are due on {count} nodes of {datacenter}: no quorum.", step)
        elif count < factor:
            step = "Lower it with ALTER KEYSPACE, or add nodes."
            yield Remark(Health.WARN, f"{factor} copies are due on {count} nodes of {datacenter}.", step)
        elif factor < 3 <= count:
            step = "ALTER KEYSPACE to 3 copies and run `nodetool repair`: then one node may be away."
            yield Remark(Health.WARN, f"{factor} of {count} nodes of {datacenter} hold a row: none may be away.", step)


def _apart(session: Any, host: Any) -> float | None:
    """Return by how many seconds a node's clock is ahead of ours, at least; None where it does not answer."""
    asked = datetime.now(UTC)
    try:
        (row,) = session.execute("SELECT toTimestamp(now()) AS at FROM system.local", host=host)
    except Exception:
        return None
    at, heard = row["at"].replace(tzinfo=UTC), datetime.now(UTC)
    if at > heard:
        return float((at - heard).total_seconds())
    return float(min(0.0, (at - asked).total_seconds()))


def clocks(apart: Mapping[str, float | None]) -> Iterator[Remark]:
    """Give remarks on clocks: by how many seconds each node's is ahead of ours."""
    told = {address: seconds for address, seconds in apart.items() if seconds is not None}
    off = [f"{address} by {seconds:+.1f} s" for address, seconds in told.items() if abs(seconds) > CLOCKS_APART]
    if off:
        step = "Keep all machines' clocks in step, by NTP or chrony: rows are ordered by them."
        yield Remark(Health.WARN, f"Clocks differ from this machine's: {', '.join(off)}.", step)
    elif told:
        yield Remark(Health.OK, f"Clocks are within {CLOCKS_APART:g} s of this machine's.")
