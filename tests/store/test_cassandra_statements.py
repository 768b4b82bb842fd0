"""The CQL statements."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import qdpi.store.cassandra as package
from qdpi.store.cassandra.statements import Statement

_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE) (\S+)")
_MODULES = [
    package,
    *(importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)),
]
STATEMENTS = {
    f"{module.__name__}.{name}": statement
    for module in _MODULES
    for name, statement in vars(module).items()
    if isinstance(statement, Statement)
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_names_its_keyspace(name: str) -> None:
    """A server warns of a keyspace given in any other way."""
    (table,) = _TABLE.findall(STATEMENTS[name].cql)

    assert table.startswith("{keyspace}.")
    assert "{" not in STATEMENTS[name].cql.format(keyspace="gibsey")
