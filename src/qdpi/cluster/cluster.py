"""A cluster on this machine: the servers of one directory, brought up and down together or node by node."""

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
from qdpi.cluster.readiness import answers, sees, until_ready
from qdpi.cluster.setup import Kind, Node, Options, Place, Setup, is_free, new_setup, read_setup, write_setup
from qdpi.cluster.tools import Programs, find_java
from qdpi.errors import InvalidInput, ServicesFailed

_PREPARE: Final = {Kind.KAFKA: kafka.prepare, Kind.CASSANDRA: cassandra.prepare}
_COMMAND: Final = {Kind.KAFKA: kafka.command, Kind.CASSANDRA: cassandra.command}


class State(StrEnum):
    """How a node is: it answers, its process is there but silent, or it is down."""

    UP = "up"
    SILENT = "silent"
    DOWN = "down"


class Status(NamedTuple):
    """A node and how it is."""

    node: Node
    state: State
    pid: int | None


class Cluster:
    """The servers whose files lie in a directory.

    `environ` is where Java, Maven and the cache of jars are looked for; `tell` hears of progress, a line at a
    time. Of several that change the same directory at once, one waits for the other.
    """

    def __init__(
        self,
        directory: Path,
        environ: Mapping[str, str],
        *,
        random: Random,
        options: Options | None = None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.directory = directory.absolute()
        self._environ = environ
        self._random = random
        self._options = options or Options()
        self._tell = tell

    def place(self, node: Node) -> Place:
        """Return where a node's files lie."""
        return Place(self.directory / node.name)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that are set up here, whether they run or not."""
        return self._setup.nodes

    @property
    def running_kinds(self) -> frozenset[Kind]:
        """The kinds of which a node runs, whether it answers or not."""
        return frozenset(node.kind for node in self.nodes if self._runs(node))

    def node(self, name: str) -> Node:
        """Return a node by its name. Raises `InvalidInput`."""
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes) or "nothing is set up"
        raise InvalidInput(f"{name!r} is no server of ours: {known}.", next_step="See `qdpi services status`.")

    async def up(self, kinds: Collection[Kind] = tuple(Kind), size: int | None = None) -> Setup:
        """Start what is not running, and return when all answer; what this call started goes where it fails.

        `size` is the number of nodes of each kind, 1 or 3; None: as `Setup.with_kinds` says. Raises `ServicesFailed`,
        and `InvalidInput` where another number is set up.
        """
        async with self._alone():
            setup = self._setup.with_kinds(kinds, size, self._random)
            nodes = [node for kind in kinds for node in setup.of(kind)]
            missing = [node for node in nodes if not self._runs(node)]
            if not missing:
                self._tell("They were up already.")
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
        """Stop all servers in order and wait until they are gone; with `delete`, remove what they stored too."""
        async with self._alone():
            nodes = self.nodes
            await self._stop(nodes)
            if delete:
                for directory in (self.place(node).directory for node in nodes):
                    if directory.exists():
                        await asyncio.to_thread(shutil.rmtree, directory)
                self._file.unlink(missing_ok=True)

    async def status(self) -> list[Status]:
        """Return how every node is."""
        return list(await asyncio.gather(*map(self._status, self.nodes)))

    async def kill(self, name: str) -> None:
        """Kill a node (SIGKILL), and return when it is gone."""
        node = self.node(name)
        async with self._alone():
            processes.send(self.place(node), signal.SIGKILL)
            await processes.gone(self.place(node))

    async def stop(self, name: str) -> None:
        """Stop a node in order, and return when it is gone."""
        node = self.node(name)
        async with self._alone():
            await self._stop([node])

    async def restart(self, name: str) -> None:
        """Stop a node in order where it runs, start it on what it stored, and return when it is ready.

        It is ready when it answers, and where all of its fellows do, when each sees all. Raises `ServicesFailed`.
        """
        node, setup = self.node(name), self._setup
        async with self._alone():
            await self._stop([node])
            self._refuse_taken_ports([node])
            self._launch(node, setup, await self._programs({node.kind}))
            await self._ready([node], setup)

    def pause(self, name: str) -> None:
        """Stop a node's process in its tracks (SIGSTOP): its connections stay, and it says nothing."""
        processes.send(self.place(self.node(name)), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a paused node go on (SIGCONT).

        A broker that was silent for longer than its session may answer, then be fenced by the controller that
        finds this out, and then be let in again.
        """
        processes.send(self.place(self.node(name)), signal.SIGCONT)

    @property
    def _file(self) -> Path:
        return self.directory / "cluster.json"

    @property
    def _setup(self) -> Setup:
        return read_setup(self._file) or new_setup(self._random)

    def _alone(self) -> AbstractAsyncContextManager[None]:
        return processes.alone(self.directory / "lock")

    def _runs(self, node: Node) -> bool:
        return processes.pid_of(self.place(node)) is not None

    async def _programs(self, kinds: Collection[Kind]) -> dict[Kind, Programs]:
        if not kinds:
            return {}
        java = await asyncio.to_thread(find_java, self._environ)
        return {kind: Programs(java, await self._jars(kind)) for kind in kinds}

    async def _jars(self, kind: Kind) -> Path:
        return await jars_of(kind, self._environ, self._tell)

    def _refuse_taken_ports(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            taken = [port for port in node.ports.values() if not is_free(node.host, port)]
            if taken:
                raise ServicesFailed(
                    f"Port {taken[0]} of {node.host}, which is {node.name}'s, is taken by another program.",
                    next_step="Stop that, or give ours new ports (their data goes): `qdpi services down --delete`.",
                )

    async def _start(self, nodes: Sequence[Node], setup: Setup, programs: Mapping[Kind, Programs]) -> None:
        await asyncio.gather(
            *(_PREPARE[node.kind](node, setup, self.place(node), programs[node.kind], self._options) for node in nodes)
        )
        for node in nodes:
            self._launch(node, setup, programs)

    def _launch(self, node: Node, setup: Setup, programs: Mapping[Kind, Programs]) -> None:
        place = self.place(node)
        # Not in a thread: whoever is cancelled must know what was launched, to stop it.
        processes.launch(place, _COMMAND[node.kind](node, setup, place, programs[node.kind], self._options))
        self._tell(f"{node.name} starts; its log is {place.log}")

    async def _ready(self, nodes: Iterable[Node], setup: Setup) -> None:
        """Return when these answer, and when all of a kind that answer see each other."""
        for node in nodes:
            await self._until(answers, node, f"answers at {node.address}")
        for kind in {node.kind for node in nodes}:
            fellows = setup.of(kind)
            if len(fellows) > 1 and all(await asyncio.gather(*map(answers, fellows))):
                seeing = partial(sees, fellows=fellows)
                for node in fellows:
                    await self._until(seeing, node, "sees all of its kind")

    async def _until(self, is_ready: Callable[[Node], Awaitable[bool]], node: Node, told: str) -> None:
        await until_ready(node, self.place(node), is_ready, self._options.patience)
        self._tell(f"{node.name} {told}")

    async def _stop(self, nodes: Iterable[Node]) -> None:
        await asyncio.gather(*(processes.stop(self.place(node)) for node in nodes))

    async def _status(self, node: Node) -> Status:
        pid = processes.pid_of(self.place(node))
        if pid is None:
            return Status(node, State.DOWN, None)
        return Status(node, State.UP if await answers(node) else State.SILENT, pid)
