"""`qdpi cassandra-init`: the keyspace and the tables of the page store on Cassandra."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from qdpi.cli.options import json_option, settings_options
from qdpi.settings import Settings


@click.command()
@click.option("--print", "print_only", is_flag=True, help="Print the CQL, for cqlsh, and change nothing.")
@json_option
@settings_options("cassandra_hosts", "cassandra_keyspace", "cassandra_replication")
def cassandra_init(print_only: bool, as_json: bool, settings: Settings) -> None:
    """Create the missing keyspace and tables, and bring older ones up to this version.

    Existing ones stay as they are, a keyspace's replication included. Every process creates missing tables when it
    starts; run this command where only an administrator may create them.
    """
    from qdpi.bootstrap import apply_cassandra_schema, cassandra_script
    from qdpi.cli.output import answer, write

    if print_only:
        write(cassandra_script(settings).removesuffix("\n"))
        return
    answer(asyncio.run(apply_cassandra_schema(settings))._asdict(), _text, as_json)


def _text(made: dict[str, Any]) -> str:
    vectors = "searched by the server" if made["vectors"] else "searched by each process, for this server has no index"
    return (
        f"Keyspace {made['keyspace']}, replicated as {made['replication']}, has its tables, version "
        f"{made['version']}. Vectors are {vectors}."
    )
