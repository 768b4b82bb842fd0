"""The driver's exceptions in our words."""

from __future__ import annotations

from typing import Final

from cassandra import (
    AuthenticationFailed,
    DriverException,
    InvalidRequest,
    OperationTimedOut,
    RequestExecutionException,
    Timeout,
    Unauthorized,
    Unavailable,
    UnresolvableContactPoints,
)
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import ConfigurationException, ErrorMessage, SyntaxException

from qdpi.errors import QdpiError, StoreUnavailable

DRIVER_ERRORS: Final = (DriverException, NoHostAvailable, ConnectionException, ErrorMessage, OSError)
"""All that the driver raises about a cluster, and not about its caller."""

_AGAIN: Final = "It is tried again by itself."
_LOGIN: Final = "Check CASSANDRA_USERNAME and CASSANDRA_PASSWORD."
_SLOW: Final = (Timeout, OperationTimedOut, TimeoutError)
_NEXT_STEPS: Final = (
    (AuthenticationFailed, _LOGIN),
    (Unauthorized, "Let this user use the keyspace, and create it or have it created by `qdpi cassandra-init`."),
    (UnresolvableContactPoints, "Check the names in CASSANDRA_HOSTS."),
    (NoHostAvailable, f"Check that Cassandra runs there. {_AGAIN}"),
    (Unavailable, f"Too few replicas are up for a quorum: start the nodes that are down. {_AGAIN}"),
    (
        (Timeout, OperationTimedOut, TimeoutError),
        f"Look at the nodes' load and logs, or raise CASSANDRA_TIMEOUT. {_AGAIN}",
    ),
    (InvalidRequest, "See that the tables are there: `qdpi cassandra-init` makes what is missing."),
    (ConfigurationException, "Check CASSANDRA_REPLICATION and the names of the cluster's datacenters."),
    (RequestExecutionException, f"Look at the nodes' logs. {_AGAIN}"),
)
_GONE: Final = ("unconfigured table", "does not exist", "undefined column", "unknown identifier")


def trouble(hosts: str, error: BaseException) -> QdpiError:
    """Return the error that says which store, what happened, and what to do.

    A request that the server finds wrong in itself is no outage, and waiting would not mend it: unless it is
    the tables that are gone.
    """
    cause = _cause(error)
    detail = f"Cassandra at {hosts}: {_told(cause)}"
    if isinstance(cause, InvalidRequest | SyntaxException) and not any(sign in str(cause).lower() for sign in _GONE):
        return QdpiError(f"{detail.removesuffix('.')}, which is our mistake.")
    return StoreUnavailable(detail, next_step=next(step for kind, step in _STEPS if isinstance(cause, kind)))


_STEPS: Final = (*_NEXT_STEPS, (BaseException, _AGAIN))


def _cause(error: BaseException) -> BaseException:
    # NoHostAvailable wraps what each host said; a refused login is more telling than that nobody is left.
    said = error.errors if isinstance(error, NoHostAvailable) and isinstance(error.errors, dict) else {}
    return next((e for e in said.values() if isinstance(e, AuthenticationFailed)), error)


def _told(error: BaseException) -> str:
    if isinstance(error, NoHostAvailable):
        reasons = {_line(reason) for reason in error.errors.values()} if isinstance(error.errors, dict) else set()
        return f"no node can be reached ({'; '.join(sorted(reasons)) or 'none is up'})."
    if isinstance(error, OperationTimedOut):
        return "no answer in time."
    if isinstance(error, TimeoutError):
        return "too many requests are under way, and none was answered in time."
    return f"{_line(error).removesuffix('.')}."


def _line(error: object) -> str:
    text = " ".join(str(error).split())
    return text[:300] or type(error).__name__
