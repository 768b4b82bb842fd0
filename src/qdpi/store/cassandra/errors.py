"""The driver's exceptions translated to ours."""

from __future__ import annotations

from collections.abc import Callable
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
"""Everything the driver raises about a cluster, as opposed to a mistake of the caller."""

_RETRIED: Final = "qdpi retries by itself."
_LOGIN: Final = "Check CASSANDRA_USERNAME and CASSANDRA_PASSWORD."
_NEXT_STEPS: Final = (
    (AuthenticationFailed, _LOGIN),
    (Unauthorized, "Let this user use the keyspace, and create it or have it created by `qdpi cassandra-init`."),
    (UnresolvableContactPoints, "Check the names in CASSANDRA_HOSTS."),
    (NoHostAvailable, f"Check that Cassandra runs there. {_RETRIED}"),
    (Unavailable, f"Too few replicas are up for a quorum: start the nodes that are down. {_RETRIED}"),
    (
        (Timeout, OperationTimedOut, TimeoutError),
        f"Check the nodes' load and logs, or raise CASSANDRA_TIMEOUT. {_RETRIED}",
    ),
    (InvalidRequest, "Check that the tables exist: `qdpi cassandra-init` creates missing ones."),
    (ConfigurationException, "Check CASSANDRA_REPLICATION and the names of the cluster's datacenters."),
    (RequestExecutionException, f"Check the nodes' logs. {_RETRIED}"),
    (BaseException, _RETRIED),
)
_MISSING_TABLE: Final = ("unconfigured table", "does not exist", "undefined column", "unknown identifier")


def translate(hosts: str, error: BaseException, redact: Callable[[str], str]) -> QdpiError:
    """Return the error for the operator: which store, what happened, and the next step.

    `redact` hides secrets that the driver or a server has quoted, before a long text is cut.

    An invalid request is a defect of ours, not an outage, and is not retried, unless its tables are missing.
    """
    cause = _cause(error)
    detail = f"Cassandra at {hosts}: {_description(cause, redact)}"
    if isinstance(cause, InvalidRequest | SyntaxException) and not _names_missing_table(cause):
        return QdpiError(f"{detail.removesuffix('.')}, which is a defect in qdpi.")
    return StoreUnavailable(detail, next_step=next(step for kind, step in _NEXT_STEPS if isinstance(cause, kind)))


def _names_missing_table(error: BaseException) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in _MISSING_TABLE)


def _cause(error: BaseException) -> BaseException:
    # NoHostAvailable wraps each host's error, and a refused login explains more than no host being left.
    errors = error.errors if isinstance(error, NoHostAvailable) and isinstance(error.errors, dict) else {}
    return next((e for e in errors.values() if isinstance(e, AuthenticationFailed)), error)


def _description(error: BaseException, redact: Callable[[str], str]) -> str:
    if isinstance(error, NoHostAvailable):
        errors = error.errors.values() if isinstance(error.errors, dict) else ()
        reasons = {_line(reason, redact) for reason in errors}
        return f"no node can be reached ({'; '.join(sorted(reasons)) or 'none is up'})."
    if isinstance(error, OperationTimedOut):
        return "no answer in time."
    if isinstance(error, TimeoutError):
        return "too many requests are in flight, and none was answered in time."
    return f"{_line(error, redact).removesuffix('.')}."


def _line(error: object, redact: Callable[[str], str]) -> str:
    text = " ".join(redact(str(error)).split())
    return text[:300] or type(error).__name__
