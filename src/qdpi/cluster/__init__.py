"""The real Apache Kafka and Apache Cassandra on this machine, without containers.

    from qdpi.cluster import running

    async with running(directory, nodes=3) as servers:
        settings = load_settings(servers.environment)   # KAFKA_BROKERS, CASSANDRA_HOSTS and what goes with them
        await servers.kill("kafka-1")                   # SIGKILL; returns when it has ended
        await servers.restart("kafka-1")                # on its data; returns when it is ready
        servers.pause("cassandra-2")                    # SIGSTOP
        servers.resume("cassandra-2")                   # SIGCONT

- `nodes` is 1 or 3 of each kind; `kafka=False` or `cassandra=False` leaves one kind out. Names count from 1.
- `await servers.stop(name)` stops a server, and `await servers.status()` returns the state of each.
- `servers.node(name)` returns a server's address, and `servers.files(node)` its directory, log and data.
- `Options` protects servers with passwords or TLS.

Ports and data survive a restart. The caller removes the directory.
"""

from qdpi.cluster.cluster import Cluster, State, Status
from qdpi.cluster.servers import Servers, environment, running
from qdpi.cluster.setup import SHORT_LIVED, Kind, Node, NodeFiles, Options

__all__ = [
    "SHORT_LIVED",
    "Cluster",
    "Kind",
    "Node",
    "NodeFiles",
    "Options",
    "Servers",
    "State",
    "Status",
    "environment",
    "running",
]
