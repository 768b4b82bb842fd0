"""The adapter: a `PageStore` in one SQLite file, for any number of processes on one machine."""

from __future__ import annotations

from pathlib import Path

from qdpi.errors import StoreUnavailable
from qdpi.sqlite import Database
from qdpi.store.embedded.canon import Canon
from qdpi.store.embedded.index import Index
from qdpi.store.embedded.log import Log
from qdpi.store.embedded.migrations import MIGRATIONS
from qdpi.store.embedded.outcomes import Outcomes
from qdpi.store.embedded.pages import Pages
from qdpi.store.embedded.places import Places
from qdpi.store.embedded.schema import SCHEMA, VERSION
from qdpi.store.embedded.vault import Vault


class EmbeddedPageStore(Outcomes, Pages, Log, Canon, Index, Vault, Places):
    """The `PageStore` in a SQLite file, created where it is missing; with `read_only` it must be there.

    Outcomes and the canon are fsynced before a write returns; projections, which can be derived again, are not.
    Every method raises `StoreUnavailable` while the file cannot be used (after `busy_timeout` seconds where another
    process holds its lock).
    """

    def __init__(self, path: Path, *, busy_timeout: float = 5.0, read_only: bool = False) -> None:
        super().__init__(
            Database(
                path,
                SCHEMA,
                version=VERSION,
                migrations=MIGRATIONS,
                unavailable=StoreUnavailable,
                busy_timeout=busy_timeout,
                read_only=read_only,
            )
        )

    async def open(self) -> None:
        """Create the file and its tables where they are missing. Idempotent."""
        await self._database.open()

    async def close(self) -> None:
        """Finish accepted writes and close the file. Idempotent."""
        await self._database.close()

    async def ping(self) -> None:
        """Return when the file can be read and, after a failed write, be written."""
        await self._database.ping()

    async def settle(self) -> None:
        """Return when every write before this is on the disk."""
        await self._database.settle()
