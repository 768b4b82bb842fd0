"""`qdpi services`: Kafka and Cassandra on this machine, without containers."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Collection, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import click

from qdpi.cli.options import json_option, settings_options
from qdpi.settings import Settings

if TYPE_CHECKING:
    from qdpi.cluster import Servers, Status


@click.group()
def services() -> None:
    """Kafka and Cassandra on this machine, without containers.

    They need Java 17 and Maven; where these are missing, `up` says how to install them. The servers go on running
    when the command and the terminal end, and only this machine can reach them. Their files are in services under
    the data directory, their jars in qdpi/jars under XDG_CACHE_HOME or ~/.cache.
    """


@services.command("up")
@click.option("--nodes", type=click.Choice(["1", "3"]), help="How many of each. Unset: as set up before, else 1.")
@click.option("--only", type=click.Choice(["kafka", "cassandra"]), help="Only one of the two.")
@json_option
@settings_options("data_dir")
def up(nodes: str | None, only: str | None, as_json: bool, settings: Settings) -> None:
    """Start the servers that are not running, wait until they answer, and print the environment for qdpi.

    The variables go to standard output, everything else to standard error: eval "$(qdpi services up)".
    """
    from qdpi.cli.output import answer
    from qdpi.cluster import Kind, environment

    kinds = [Kind(only)] if only else list(Kind)
    servers = _servers(settings)
    setup = _run(servers.up(kinds, int(nodes) if nodes else None))
    held = environment(setup, servers.running_kinds)
    stale = environment(setup).keys() - held
    answer(held, lambda variables: _commands(variables, stale), as_json)


@services.command("down")
@click.option("--delete", is_flag=True, help="Also delete their data, logs and ports.")
@settings_options("data_dir")
def down(delete: bool, settings: Settings) -> None:
    """Stop all servers in order, and wait until they have ended."""
    _run(_servers(settings).down(delete=delete))


@services.command("status")
@json_option
@settings_options("data_dir")
def status(as_json: bool, settings: Settings) -> None:
    """Show every server's state: up, silent (its process runs but does not answer) or down."""
    from qdpi.cli.output import answer

    servers = _servers(settings)
    answer([_row(servers, each) for each in _run(servers.status())], _table, as_json)


@services.command("logs")
@click.argument("name", required=False)
@click.option("-n", "--lines", default=20, show_default=True, help="How many lines of each.")
@settings_options("data_dir")
def logs(name: str | None, lines: int, settings: Settings) -> None:
    """Print the last lines of a server's log, or of every server's."""
    from qdpi.cli.errors import note
    from qdpi.cli.output import write
    from qdpi.cluster.readiness import last_lines
    from qdpi.terminal.printable import printable

    servers = _servers(settings)
    for node in [servers.node(name)] if name else servers.nodes:
        log = servers.files(node).log
        note(f"{node.name}: {log}")
        for line in last_lines(log, lines):
            write(printable(line))


@services.command("kill")
@click.argument("name")
@settings_options("data_dir")
def kill(name: str, settings: Settings) -> None:
    """Kill a server (SIGKILL), as a crash would."""
    _run(_servers(settings).kill(name))


@services.command("restart")
@click.argument("name")
@settings_options("data_dir")
def restart(name: str, settings: Settings) -> None:
    """Stop a server in order if it runs, start it, and wait until it is ready."""
    _run(_servers(settings).restart(name))


@services.command("pause")
@click.argument("name")
@settings_options("data_dir")
def pause(name: str, settings: Settings) -> None:
    """Suspend a server (SIGSTOP): its connections stay open, and it does not answer."""
    _servers(settings).pause(name)


@services.command("resume")
@click.argument("name")
@settings_options("data_dir")
def resume(name: str, settings: Settings) -> None:
    """Resume a paused server (SIGCONT)."""
    _servers(settings).resume(name)


def _servers(settings: Settings) -> Servers:
    from random import SystemRandom

    from qdpi.cli.errors import note
    from qdpi.cluster import Servers

    return Servers(settings.data_dir / "services", os.environ, random=SystemRandom(), progress=note)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine of the cluster; SIGTERM cancels it in order, as Ctrl-C does."""

    async def to_the_end() -> Any:
        task = asyncio.ensure_future(work)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        return asyncio.run(to_the_end())
    except asyncio.CancelledError:
        raise click.Abort from None


def _commands(held: Mapping[str, str], stale: Collection[str]) -> str:
    """Return the lines for `eval`; they unset what an earlier `up` exported for servers that are down now."""
    exports = [f"export {variable}={value}" for variable, value in held.items()]
    return "\n".join([*exports, *(f"unset {variable}" for variable in sorted(stale))])


def _row(servers: Servers, status: Status) -> dict[str, Any]:
    files = servers.files(status.node)
    return {
        "name": status.node.name,
        "state": status.state,
        "address": status.node.address,
        "pid": status.pid,
        "directory": str(files.directory),
    }


def _table(rows: list[dict[str, Any]]) -> str:
    from qdpi.cli.output import table

    if not rows:
        return "No servers are set up: `qdpi services up` sets them up."
    head = ("name", "state", "address", "pid", "directory")
    return "\n".join(table(head, [tuple(str(row[column] or "") for column in head) for row in rows]))
