"""Applying `schema.cql`: to any keyspace, by any number of processes at once, with or without vectors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import chain
from typing import Any, Final, NamedTuple

from cassandra import ConsistencyLevel, InvalidRequest
from cassandra.query import SimpleStatement

from qdpi.errors import InvalidSetting
from qdpi.settings import Settings

VERSION: Final = 1
"""Goes up with every change of the schema, as the last statement of `schema.cql` says."""
MIGRATIONS: Final[Mapping[int, Sequence[str]]] = {}
"""What turns the schema before a version into that version, where making new tables is not enough."""
FIRST_WITH_VECTORS: Final = 5
PATIENCE: Final = 30.0
"""Seconds that a node may take to make a table."""

_KEYSPACE: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
_FACTOR: Final = re.compile(r"(?:(?P<datacenter>[\w.-]+):)?(?P<copies>[1-9]\d?)")
_COMMENT: Final = re.compile(r"--[^\n]*")
_OPENING: Final = re.compile(r"^CREATE KEYSPACE .*^USE \w+;\n", re.DOTALL | re.MULTILINE)
_VECTORS: Final = re.compile(r"\bVECTOR<|USING 'sai'")


class Schema(NamedTuple):
    """The statements that make a keyspace and all in it, the last one noting the version."""

    keyspace: str
    replication: str
    statements: tuple[str, ...]


def schema_of(settings: Settings) -> Schema:
    """Return `schema.cql` for the keyspace and the replication of the settings. Raises `InvalidSetting`."""
    keyspace = keyspace_of(settings)
    _, _, *statements = statements_of(schema_text())
    return Schema(keyspace, replication_of(settings), tuple(statements))


def keyspace_of(settings: Settings) -> str:
    """Return the keyspace's name. Raises `InvalidSetting`."""
    if not _KEYSPACE.fullmatch(settings.cassandra_keyspace):
        raise InvalidSetting(
            f"CASSANDRA_KEYSPACE is {settings.cassandra_keyspace!r}.",
            next_step="Use up to 48 lower-case letters, digits and '_', a letter first.",
        )
    return settings.cassandra_keyspace


def replication_of(settings: Settings) -> str:
    """Return `CASSANDRA_REPLICATION` as CQL. Raises `InvalidSetting`."""
    parts = [_FACTOR.fullmatch(part.strip()) for part in settings.cassandra_replication.split(",")]
    copies = {part["datacenter"] or "replication_factor": part["copies"] for part in parts if part}
    if len(copies) != len(parts):
        raise InvalidSetting(
            f"CASSANDRA_REPLICATION is {settings.cassandra_replication!r}.",
            next_step="Give a number, or datacenter:number, separated by commas.",
        )
    pairs = "".join(f", '{name}': {number}" for name, number in copies.items())
    return f"{{'class': 'NetworkTopologyStrategy'{pairs}}}"


def schema_text() -> str:
    """Return the file as it is shipped."""
    return files("qdpi.store").joinpath("schema.cql").read_text(encoding="utf-8")


def statements_of(text: str) -> list[str]:
    """Return the statements of a file of CQL whose strings hold no semicolon and no `--`."""
    bare = _COMMENT.sub("", text)
    return [" ".join(part.split()) for part in bare.split(";") if part.strip()]


def script_of(schema: Schema) -> str:
    """Return the file as text for `cqlsh`, with a schema's keyspace and replication."""
    opening = "".join(f"{statement};\n" for statement in _opening(schema))
    return _OPENING.sub(lambda _: opening, schema_text(), count=1)


def version_there(session: Any, keyspace: str) -> int | None:
    """Return the version of the schema in a keyspace, None where there is none."""
    asked = SimpleStatement(
        f"SELECT version FROM {keyspace}.schema_version WHERE name = 'qdpi'",  # noqa: S608 - checked
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
    )
    try:
        found = session.execute(asked).one()
    except InvalidRequest:  # no such keyspace or table
        return None
    return int(found["version"]) if found else None


def apply(session: Any, schema: Schema, *, vectors: bool, migrations: Mapping[int, Sequence[str]] = MIGRATIONS) -> None:
    """Make what is missing. Blocks; raises what the driver raises.

    Two nodes that make the same table at once give it two identities, and nodes then refuse each other's
    writes to it. So everybody asks the same node, which does one after another.
    """
    before = version_there(session, schema.keyspace)
    node = _first_node(session)
    create, _ = _opening(schema)
    *making, noting = (s for s in schema.statements if vectors or not _VECTORS.search(s))
    later = [version for version in sorted(migrations) if before is not None and version > before]
    session.execute(create, host=node, timeout=PATIENCE)
    for statement in (*making, *chain.from_iterable(migrations[version] for version in later), noting):
        session.execute(_within(schema, statement), host=node, timeout=PATIENCE)


def _within(schema: Schema, statement: str) -> SimpleStatement:
    # Rather than USE, which would change what the whole session does.
    return SimpleStatement(statement, keyspace=schema.keyspace, consistency_level=ConsistencyLevel.LOCAL_QUORUM)


def _opening(schema: Schema) -> tuple[str, str]:
    create = f"CREATE KEYSPACE IF NOT EXISTS {schema.keyspace} WITH replication = {schema.replication}"
    return create, f"USE {schema.keyspace}"


def _first_node(session: Any) -> Any:
    return min(session.get_pool_state(), key=lambda host: (host.address, host.endpoint.port))
