"""Where canon pages stand: the canon's revisions that are out, and a page's places in them."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from qdpi.page_schema import Page
from qdpi.store.cassandra.parts import OnCluster
from qdpi.store.cassandra.session import Row
from qdpi.store.cassandra.statements import select

BUCKET: Final = 100
"""Pages in one partition of `canon_ring`: 200 KB of an ordinary book, 60 MB of the longest pages allowed."""
RING: Final = ("canon_revision", "preparation", "bucket", "position", "page_id", "revision", "page_json")
PLACE: Final = ("page_id", "canon_revision", "preparation", "position", "revision")

_NUMBER: Final = select(["revision"], "canon_revisions", "WHERE canon = 'canon' LIMIT 1")
_OUT: Final = select(["revision", "preparation"], "canon_revisions", "WHERE canon = 'canon'", page=1_000)
_PLACES: Final = select(PLACE, "canon_places", "WHERE page_id = :page_id", page=1_000)
_IN_RING: Final = select(
    ["page_json"],
    "canon_ring",
    "WHERE canon_revision = :canon_revision AND preparation = :preparation AND bucket = :bucket "
    "AND position = :position",
)
WARM: Final = (_NUMBER,)


class Place(NamedTuple):
    """A page's place in a canon revision that is out, and its own revision there."""

    canon_revision: int
    preparation: str
    position: int
    revision: int


class Placing(OnCluster):
    """Reads canon pages by their places."""

    async def canon_number(self) -> int | None:
        """Return the number of the current revision."""
        row = await self._connection.first(_NUMBER)
        return row["revision"] if row else None

    async def _places(self, page_id: str) -> list[Place]:
        """Return a page's places in the revisions that are out, the oldest revision first."""
        rows, out = await asyncio.gather(self._connection.ask(_PLACES, page_id=page_id), self._connection.ask(_OUT))
        preparations = {row["revision"]: row["preparation"] for row in out}
        return [_place(row) for row in rows if preparations.get(row["canon_revision"]) == row["preparation"]]

    async def _placed(self, page_id: str, number: int | None) -> Page | None:
        """Return a canon page as the current revision has it, or the last one that did."""
        places = await self._places(page_id) if number is not None else []
        return await self._page_at(places[-1]) if places else None

    async def _page_at(self, place: Place) -> Page | None:
        row = await self._connection.first(
            _IN_RING,
            canon_revision=place.canon_revision,
            preparation=place.preparation,
            bucket=place.position // BUCKET,
            position=place.position,
        )
        return Page.model_validate_json(row["page_json"]) if row else None


def _place(row: Row) -> Place:
    return Place(row["canon_revision"], row["preparation"], row["position"], row["revision"])
