"""The real Apache Kafka and Apache Cassandra on this machine, without containers.

    from qdpi.cluster import running

    async with running(directory, nodes=3) as servers:
        settings = load_settings(servers.environment)   # KAFKA_BROKERS, CASSANDRA_HOSTS and what goes with them
        await servers.kill("kafka-1")                   # SIGKILL; returns when it is gone
        await servers.restart("kafka-1")                # on what it stored; returns when it is ready
        servers.pause("cassandra-2")                    # SIGSTOP
        servers.resume("cassandra-2")                   # SIGCONT

`nodes` is 1 or 3 of each kind; `kafka=False` or `cassandra=False` leaves one out; names count from 1.
`await servers.stop(name)` ends one in order, `await servers.status()` tells how each is, `servers.node(name)`
where it is and `servers.place(node)` its directory, its log and its data. `Options` guards servers with
passwords or TLS. Ports and data outlive a restart; the directory is the caller's to remove.
"""

from qdpi.cluster.cluster import Cluster, State, Status
from qdpi.cluster.servers import Servers, environment, running
from qdpi.cluster.setup import BRIEF, Kind, Node, Options, Place

__all__ = [
    "BRIEF",
    "Cluster",
    "Kind",
    "Node",
    "Options",
    "Place",
    "Servers",
    "State",
    "Status",
    "environment",
    "running",
]
