"""Export and import between the embedded store and Cassandra."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from tests.export.journeys import add_outcomes, all_of, exported, imported, save, whole_journey
from tests.support.gateway import put_book, system_in
from tests.support.keyspace import Keyspace

from qdpi.export.formats import FORMATS
from qdpi.store.cassandra import CassandraPageStore
from qdpi.system import utc_now

pytestmark = pytest.mark.cassandra


async def test_embedded_to_cassandra_and_back_keeps_everything(tmp_path: Path, emptied: Keyspace):
    """A journey goes from the embedded store to Cassandra and back; every row and every file stays the same."""
    store = CassandraPageStore(emptied.settings, now=utc_now, preparation=str(uuid4()))
    await store.open()
    try:
        async with system_in(tmp_path / "here") as here, system_in(tmp_path / "back") as back:
            there = replace(here, store=store)
            await put_book(there)
            await whole_journey(here.store)
            archive = await exported(here.store)

            await imported(there, archive, tmp_path)

            assert await all_of(store) == await all_of(here.store)
            for form in FORMATS:
                assert await exported(store, form) == await exported(here.store, form)
            assert not (await imported(there, archive, tmp_path)).changed
            await add_outcomes(store, 2)
            await save(store, "S01-P0002", 99)
            await imported(back, await exported(store), tmp_path)
            assert await all_of(back.store) == await all_of(store)
    finally:
        await store.close()
