"""The command line: one module a command, imported when the command runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple

import click

from qdpi import __version__


class Entry(NamedTuple):
    """Where a command is defined, and its line in the help."""

    module: str
    attribute: str
    summary: str


COMMANDS: Final[dict[str, Entry]] = {
    "run": Entry("run", "run", "Everything in one process: book, workers and gateway."),
    "read": Entry("read", "read", "Read in the terminal: press, ask, watch pages being written."),
    "serve": Entry("serve", "serve", "The gateway alone."),
    "worker": Entry("worker", "worker", "Workers by name."),
    "ingest-canon": Entry("ingest_canon", "ingest_canon", "Ingest a book as the canon."),
    "run-symbol": Entry("run_symbol", "run_symbol", "Run one symbol on a page, without bus or journey."),
    "reindex-page": Entry("reindex_page", "reindex_page", "Read and index pages again."),
    "kafka-topics": Entry("kafka_topics", "kafka_topics", "Create and list the topics of the bus."),
    "cassandra-init": Entry("cassandra_init", "cassandra_init", "Create the tables of the store on Cassandra."),
    "tail": Entry("tail", "tail", "Follow the events on the bus."),
    "dlq": Entry("dlq", "dlq", "Dead letters: list, show and replay them."),
    "repair": Entry("repair", "repair", "Find the damage of crashes and lost writes, and repair it."),
    "replay": Entry("replay", "replay", "Rebuild journeys, or run their presses again."),
    "services": Entry("services", "services", "Kafka and Cassandra on this machine, without containers."),
    "export": Entry("export", "export", "Export a journey: its whole log, Markdown, Twee or EPUB."),
    "import": Entry("import_journey", "import_journey", "Import a journey from its archive, checked by hash."),
    "eval": Entry("eval", "evaluate", "Evaluate writers on a book: voices, properties, times."),
    "optimize": Entry("optimize", "optimize", "Look for a better program on a book, and judge it."),
    "doctor": Entry("doctor", "doctor", "Check this machine and say what to fix."),
}
"""Every command, in the order of the help."""


_OWNER_ALONE: Final = 0o077
"""The umask of every command: what it writes, exports and evaluations too, other users of the machine cannot read."""


class Commands(click.Group):
    """A group that imports a command only to run it; listing the commands imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command and return it, None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        entry = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"qdpi.cli.{entry.module}"), entry.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="`qdpi COMMAND --help` describes each. Settings are environment variables, with flags of the same names.",
)
@click.version_option(__version__, prog_name="qdpi")
def cli() -> None:
    """A novel that writes back: press a symbol on a page and read a new one, in a character's voice."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 misused, 130 interrupted.

    An error is reported as one sentence on standard error.
    """
    arguments = sys.argv[1:] if args is None else list(args)
    before = os.umask(_OWNER_ALONE)
    try:
        return _run(arguments)
    finally:
        os.umask(before)


def _run(arguments: Sequence[str]) -> int:
    try:
        given = cli.main(arguments, prog_name="qdpi", standalone_mode=False, obj=tuple(arguments))
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        _leave_pipe()
        return 1
    except (click.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:
        return _report(error, arguments)
    return given if isinstance(given, int) else 0


def _report(error: Exception, arguments: Sequence[str]) -> int:
    from qdpi.cli.errors import exit_code_of, report

    report(error, os.environ, arguments)
    return exit_code_of(error)


def _leave_pipe() -> None:
    # The reader closed the pipe: give Python something to flush standard output into when it exits.
    nowhere: Any = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
