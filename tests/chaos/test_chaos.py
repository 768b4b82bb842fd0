"""Workers on a real Kafka and a real Cassandra, any of them killed: every press is answered once, in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chaos.chaos import chaos
from tests.chaos.terms import SHORT, Disruption, deaths
from tests.support.notes import Note
from tests.support.servers import ABSENT

from qdpi.cluster import SHORT_LIVED, Options, running
from qdpi.errors import ToolMissing

pytestmark = [pytest.mark.long, pytest.mark.kafka, pytest.mark.cassandra]


async def test_chaos_loses_doubles_and_reorders_nothing(tmp_path: Path, note: Note):
    """No press is lost, doubled or out of order, whatever is killed."""
    try:
        async with running(tmp_path / "servers", options=Options(java=SHORT_LIVED)) as servers:
            end = await chaos(SHORT, servers, tmp_path, lambda line: None)
    except ToolMissing:
        pytest.skip(ABSENT)
    note(end.summary())
    assert (end.found, end.unequal) == ([], [])
    assert set(end.happened) == {*Disruption, *deaths(SHORT)}
