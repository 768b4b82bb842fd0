"""The projections: one row for each table that is derived from outcomes.

A row says which values are due, how they are read and written, which worker writes them first, and what a repair does
about a difference. The services write by these rows, and repair compares and rewrites by them: a new derived table is
a new row here, besides its columns and methods in the stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from qdpi.services.projections.journeys import OF_EVENT, OF_JOURNEY, OF_OUTCOME
from qdpi.services.projections.pages import OF_PAGE
from qdpi.services.projections.projection import Projection

PROJECTIONS: Final[tuple[Projection[Any], ...]] = (*OF_OUTCOME, *OF_EVENT, *OF_PAGE, *OF_JOURNEY)
"""Every row of the table."""
BY_TABLE: Final[Mapping[str, Projection[Any]]] = {projection.table: projection for projection in PROJECTIONS}
"""The rows by the name of their table."""
