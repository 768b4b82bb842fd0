"""`qdpi doctor`: what is well on this machine, what is not, and what to do about it."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from qdpi.cli.options import ALL, json_option, setting_flags


@click.command()
@click.option("--fix", is_flag=True, help="Make the topics and the book that are missing.")
@json_option
@setting_flags(*ALL)
@click.pass_context
def doctor(ctx: click.Context, /, fix: bool, as_json: bool, **flags: Any) -> None:
    """Check Python, settings, disk, store, book, bus, topics, work, model and port; exit with 1 when one failed.

    A store's tables are made and brought to their version when it is opened, by this command as by any other;
    --fix also makes the topics that are missing, and brings the first book. On Kafka it looks at brokers,
    copies, retention and the session timeout, on Cassandra at nodes, copies and clocks.
    """
    from qdpi.cli.checkup import examine, told
    from qdpi.cli.output import answer
    from qdpi.health import Health

    findings = asyncio.run(examine(flags, fix=fix))
    answer([finding._asdict() for finding in findings], told, as_json)
    ctx.exit(int(any(finding.health is Health.FAIL for finding in findings)))
