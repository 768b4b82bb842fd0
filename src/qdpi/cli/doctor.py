"""`qdpi doctor`: what is well on this machine, what is not, and what to do about it."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from qdpi.cli.options import ALL, json_option, setting_flags


@click.command()
@json_option
@setting_flags(*ALL)
@click.pass_context
def doctor(ctx: click.Context, /, as_json: bool, **flags: Any) -> None:
    """Check Python, settings, disk, store, bus, book, model and port; exit with 1 when something failed."""
    from qdpi.cli.answering import answer
    from qdpi.cli.checkup import Health, examine, told

    findings = asyncio.run(examine(flags))
    answer([finding._asdict() for finding in findings], told, as_json)
    ctx.exit(int(any(finding.health is Health.FAIL for finding in findings)))
