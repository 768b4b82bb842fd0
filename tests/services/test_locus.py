"""The locus of a press, also on a committed page without projections."""

from random import Random

import pytest
from tests.simulation.network import Network
from tests.simulation.store import SimulatedPageStore
from tests.simulation.tables import Tables
from tests.simulation.world import book
from tests.support import factories as make

from qdpi.canon.edition import Edition
from qdpi.canon.editions import find_locus
from qdpi.errors import UnknownPage
from qdpi.store.ports import Committed


@pytest.fixture(scope="module")
def edition() -> Edition:
    return book().edition


async def test_locus_of_a_committed_page_without_projections(edition: Edition) -> None:
    """A committed page without projections is a locus of its own journey."""
    store, outcome = SimulatedPageStore(Tables(), Network(Random(0))), make.outcome("reader")
    assert outcome.page is not None
    await store.commit_outcome("reader", outcome.request_id, 0, outcome)
    assert await store.page(outcome.page.page_id) is None
    assert await find_locus(edition, store, outcome.page.page_id, "reader") == outcome.page
    for page, journey in ((outcome.page.page_id, "another"), ("S99-P9999", "reader")):
        with pytest.raises(UnknownPage):
            await find_locus(edition, store, page, journey)


async def test_locus_survives_failed_runs(edition: Edition) -> None:
    """Later failed runs do not hide a committed page without projections."""
    store, written = SimulatedPageStore(Tables(), Network(Random(0))), make.outcome("reader")
    assert written.page is not None
    await store.commit_outcome("reader", written.request_id, 0, written)
    state = written.state
    for seq in range(2, 9):
        failed = make.outcome("reader", seq, before=state, fails=True)
        assert isinstance(await store.commit_outcome("reader", failed.request_id, seq - 1, failed), Committed)
        state = failed.state
    assert await find_locus(edition, store, written.page.page_id, "reader") == written.page
