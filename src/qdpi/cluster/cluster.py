"""A cluster on this machine: the servers of one directory, started and stopped together or node by node."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from functools import partial
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from qdpi.cluster import cassandra, kafka, processes
from qdpi.cluster.artifacts import jars_of
from qdpi.cluster.readiness import is_answering, sees_all, until_ready
from qdpi.cluster.setup import Kind, Node, NodeFiles, Options, Setup, is_free, new_setup, read_setup, write_setup
from qdpi.cluster.tools import Programs, find_java
from qdpi.errors import InvalidInput, ServicesFailed

_PREPARE: Final = {Kind.KAFKA: kafka.prepare, Kind.CASSANDRA: cassandra.prepare}
_COMMAND: Final = {Kind.KAFKA: kafka.command, Kind.CASSANDRA: cassandra.command}


class State(StrEnum):
    """The state of a node: it answers, its process runs without answering, or it is down."""

    UP = "up"
    SILENT = "silent"
    DOWN = "down"


class Status(NamedTuple):
    """A node, its state, and its process id."""

    node: Node
    state: State
    pid: int | None


class Cluster:
    """The servers with their files in a directory.

    `environ` names Java, Maven and the cache of jars. `progress` is called with progress messages, one line each.
    A lock file makes concurrent changes of the same directory wait for each other.
    """

    def __init__(
        self,
        directory: Path,
        environ: Mapping[str, str],
        *,
        random: Random,
        options: Options | None = None,
        progress: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.directory = directory.absolute()
        self._environ = environ
        self._random = random
        self._options = options or Options()
        self._progress = progress

    def files(self, node: Node) -> NodeFiles:
        """Return the paths of a node's files."""
        return NodeFiles(self.directory / node.name)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that are set up here, running or not."""
        return self._setup.nodes

    @property
    def running_kinds(self) -> frozenset[Kind]:
        """The kinds with a running node, whether it answers or not."""
        return frozenset(node.kind for node in self.nodes if self._runs(node))

    def node(self, name: str) -> Node:
        """Return a node by its name. Raises `InvalidInput`."""
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes) or "nothing is set up"
        raise InvalidInput(f"There is no server {name!r}: {known}.", next_step="See `qdpi services status`.")

    async def up(self, kinds: Collection[Kind] = tuple(Kind), size: int | None = None) -> Setup:
        """Start the nodes that are not running, and return when all answer. On failure, stop the started ones.

        `size` is the number of nodes of each kind, 1 or 3; for None, see `Setup.with_kinds`. Raises `ServicesFailed`,
        and `InvalidInput` if another number is set up.
        """
        async with self._alone():
            setup = self._setup.with_kinds(kinds, size, self._random)
            nodes = [node for kind in kinds for node in setup.of(kind)]
            missing = [node for node in nodes if not self._runs(node)]
            if not missing:
                self._progress("All servers are already running.")
            self._refuse_taken_ports(missing)
            programs = await self._programs({node.kind for node in missing})
            write_setup(setup, self._file)
            try:
                await self._start(missing, setup, programs)
                await self._ready(nodes, setup)
            except BaseException:
                await self._stop(missing)
                raise
        return setup

    async def down(self, *, delete: bool = False) -> None:
        """Stop all servers gracefully and wait until they have ended; with `delete`, remove their files too."""
        async with self._alone():
            nodes = self.nodes
            await self._stop(nodes)
            if delete:
                for directory in (self.files(node).directory for node in nodes):
                    if directory.exists():
                        await asyncio.to_thread(shutil.rmtree, directory)
                self._file.unlink(missing_ok=True)

    async def status(self) -> list[Status]:
        """Return the status of every node."""
        return list(await asyncio.gather(*map(self._status, self.nodes)))

    async def kill(self, name: str) -> None:
        """Kill a node (SIGKILL), and return when it has ended."""
        node = self.node(name)
        async with self._alone():
            processes.send(self.files(node), signal.SIGKILL)
            await processes.wait_until_gone(self.files(node))

    async def stop(self, name: str) -> None:
        """Stop a node gracefully, and return when it has ended."""
        node = self.node(name)
        async with self._alone():
            await self._stop([node])

    async def restart(self, name: str) -> None:
        """Stop a node gracefully if it runs, start it on its data, and return when it is ready.

        A node is ready when it answers and, if all its peers answer, when each of them sees all. Raises
        `ServicesFailed`.
        """
        node, setup = self.node(name), self._setup
        async with self._alone():
            await self._stop([node])
            self._refuse_taken_ports([node])
            self._launch(node, setup, await self._programs({node.kind}))
            await self._ready([node], setup)

    def pause(self, name: str) -> None:
        """Pause a node's process (SIGSTOP): its connections stay open, and it does not answer."""
        processes.send(self.files(self.node(name)), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Resume a paused node (SIGCONT).

        A broker paused for longer than its session may answer at first, then be fenced by the controller, and then
        rejoin.
        """
        processes.send(self.files(self.node(name)), signal.SIGCONT)

    @property
    def _file(self) -> Path:
        return self.directory / "cluster.json"

    @property
    def _setup(self) -> Setup:
        return read_setup(self._file) or new_setup(self._random)

    def _alone(self) -> AbstractAsyncContextManager[None]:
        return processes.exclusive(self.directory / "lock")

    def _runs(self, node: Node) -> bool:
        return processes.pid_of(self.files(node)) is not None

    async def _programs(self, kinds: Collection[Kind]) -> dict[Kind, Programs]:
        if not kinds:
            return {}
        java = await asyncio.to_thread(find_java, self._environ)
        return {kind: Programs(java, await self._jars(kind)) for kind in kinds}

    async def _jars(self, kind: Kind) -> Path:
        return await jars_of(kind, self._environ, self._progress)

    def _refuse_taken_ports(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            taken = [port for port in node.ports.values() if not is_free(node.host, port)]
            if taken:
                raise ServicesFailed(
                    f"Port {taken[0]} of {node.host}, which is {node.name}'s, is taken by another program.",
                    next_step="Stop that program, or choose new ports by deleting all data: "
                    "`qdpi services down --delete`.",
                )

    async def _start(self, nodes: Sequence[Node], setup: Setup, programs: Mapping[Kind, Programs]) -> None:
        await asyncio.gather(
            *(_PREPARE[node.kind](node, setup, self.files(node), programs[node.kind], self._options) for node in nodes)
        )
        for node in nodes:
            self._launch(node, setup, programs)

    def _launch(self, node: Node, setup: Setup, programs: Mapping[Kind, Programs]) -> None:
        files = self.files(node)
        # Not in a thread: a cancelled caller must know which processes were launched, to stop them.
        processes.launch(files, _COMMAND[node.kind](node, setup, files, programs[node.kind], self._options))
        self._progress(f"{node.name} starts; its log is {files.log}")

    async def _ready(self, nodes: Iterable[Node], setup: Setup) -> None:
        """Return when the nodes answer and, for each kind whose nodes all answer, when they see each other."""
        for node in nodes:
            await self._until(is_answering, node, f"answers at {node.address}")
        for kind in {node.kind for node in nodes}:
            peers = setup.of(kind)
            if len(peers) > 1 and all(await asyncio.gather(*map(is_answering, peers))):
                seeing = partial(sees_all, peers=peers)
                for node in peers:
                    await self._until(seeing, node, "sees all of its kind")

    async def _until(self, is_ready: Callable[[Node], Awaitable[bool]], node: Node, message: str) -> None:
        await until_ready(node, self.files(node), is_ready, self._options.start_timeout)
        self._progress(f"{node.name} {message}")

    async def _stop(self, nodes: Iterable[Node]) -> None:
        await asyncio.gather(*(processes.stop(self.files(node)) for node in nodes))

    async def _status(self, node: Node) -> Status:
        pid = processes.pid_of(self.files(node))
        if pid is None:
            return Status(node, State.DOWN, None)
        return Status(node, State.UP if await is_answering(node) else State.SILENT, pid)
