"""`schema.cql`, applied to any keyspace, by any number of concurrent processes, with or without vectors."""

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

MIGRATIONS: Final[Mapping[int, Sequence[str]]] = {
    2: (
        "ALTER TABLE outcomes ADD IF NOT EXISTS tree_json TEXT",
        "ALTER TABLE vault ADD IF NOT EXISTS action TEXT",
    ),
}
"""By version: the statements that migrate from the version before, where creating tables is not enough."""
FIRST_WITH_VECTORS: Final = 5
CREATE_TIMEOUT: Final = 30.0
"""Seconds that a node may take to create a table."""

_KEYSPACE: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
_FACTOR: Final = re.compile(r"(?:(?P<datacenter>[\w.-]+):)?(?P<copies>[1-9]\d?)")
_COMMENT: Final = re.compile(r"--[^\n]*")
_OPENING: Final = re.compile(r"^CREATE KEYSPACE .*^USE \w+;\n", re.DOTALL | re.MULTILINE)
_VERSION: Final = re.compile(r"^INSERT INTO schema_version .* VALUES \('qdpi', (\d+)\)$")
_VECTORS: Final = re.compile(r"\bVECTOR<|USING 'sai'")


class Schema(NamedTuple):
    """The statements that create a keyspace and its tables; the last one stores the version."""

    keyspace: str
    replication: str
    statements: tuple[str, ...]

    @property
    def version(self) -> int:
        """The version that the last statement stores: it is incremented with every change of the schema."""
        stored = _VERSION.match(self.statements[-1])
        if stored is None:
            raise ValueError(f"The last statement of schema.cql stores no version: {self.statements[-1]}")
        return int(stored[1])


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
    """Return the text of `schema.cql`."""
    return files("qdpi.store").joinpath("schema.cql").read_text(encoding="utf-8")


def statements_of(text: str) -> list[str]:
    """Return the statements of CQL text whose strings contain neither `;` nor `--`."""
    bare = _COMMENT.sub("", text)
    return [" ".join(part.split()) for part in bare.split(";") if part.strip()]


def script_of(settings: Settings) -> str:
    """Return `schema.cql` for `cqlsh`, with the settings' keyspace and replication. Raises `InvalidSetting`."""
    schema = schema_of(settings)
    opening = "".join(f"{statement};\n" for statement in _opening(schema))
    return _OPENING.sub(lambda _: opening, schema_text(), count=1)


def stored_version(session: Any, keyspace: str) -> int | None:
    """Return the version of the schema in a keyspace, None without one."""
    query = SimpleStatement(
        f"SELECT version FROM {keyspace}.schema_version WHERE name = 'qdpi'",  # noqa: S608 - checked
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
    )
    try:
        found = session.execute(query).one()
    except InvalidRequest:  # no such keyspace or table
        return None
    return int(found["version"]) if found else None


def apply(session: Any, schema: Schema, *, vectors: bool, migrations: Mapping[int, Sequence[str]] = MIGRATIONS) -> None:
    """Create missing tables and migrate an older schema. Blocks; raises what the driver raises.

    Two nodes that create the same table concurrently give it two ids, and then reject each other's writes to it.
    So every process sends these statements to the same node, which executes them one after another.
    """
    before = stored_version(session, schema.keyspace)
    node = _first_node(session)
    create, _ = _opening(schema)
    *creating, versioning = (s for s in schema.statements if vectors or not _VECTORS.search(s))
    later = [version for version in sorted(migrations) if before is not None and version > before]
    session.execute(create, host=node, timeout=CREATE_TIMEOUT)
    for statement in (*creating, *chain.from_iterable(migrations[version] for version in later), versioning):
        session.execute(_in_keyspace(schema, statement), host=node, timeout=CREATE_TIMEOUT)


def _in_keyspace(schema: Schema, statement: str) -> SimpleStatement:
    # Not USE, which would change the keyspace of the whole session.
    return SimpleStatement(statement, keyspace=schema.keyspace, consistency_level=ConsistencyLevel.LOCAL_QUORUM)


def _opening(schema: Schema) -> tuple[str, str]:
    create = f"CREATE KEYSPACE IF NOT EXISTS {schema.keyspace} WITH replication = {schema.replication}"
    return create, f"USE {schema.keyspace}"


def _first_node(session: Any) -> Any:
    return min(session.get_pool_state(), key=lambda host: (host.address, host.endpoint.port))
