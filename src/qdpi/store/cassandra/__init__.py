"""The page store on Apache Cassandra 4.1 or 5."""

from qdpi.store.cassandra.adapter import CassandraPageStore

__all__ = ["CassandraPageStore"]
