"""The columns of rows are compared, not only their presence: a changed row is found and mended."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from tests.repair.world import World
from tests.support import factories
from tests.support.flow import EMBEDDER
from tests.support.tables import RowFilter

from qdpi.events import Press
from qdpi.outcome import log_entry
from qdpi.page_schema import Page
from qdpi.repair.replay import Replayed, replay, replay_all
from qdpi.search.analysis import EXTRACTOR_VERSION
from qdpi.services.projections.pages import PageSource, with_embeddings
from qdpi.store.ports import PageStore

CANON: Final = "S01-P0003"
Harm = Callable[[PageStore, Page], Awaitable[None]]
"""Changes a row of a page."""


def leading_elsewhere(**edges: Any) -> Harm:
    return lambda store, page: store.put_page(
        page.model_copy(update={"edges": page.edges.model_copy(update=edges)}),
    )


async def another_novelty(store: PageStore, page: Page) -> None:
    signals = page.signals.model_copy(update={"novelty": 0.125})
    await store.put_page(page.model_copy(update={"signals": signals}))


async def zeroed_vector(store: PageStore, page: Page) -> None:
    kept = (await store.embeddings([page.page_id]))[page.page_id]
    await store.put_embeddings([kept.model_copy(update={"embedding": bytes(len(kept.embedding))})])


async def cut_vector(store: PageStore, page: Page) -> None:
    kept = (await store.embeddings([page.page_id]))[page.page_id]
    await store.put_embeddings([kept.model_copy(update={"embedding": kept.embedding[:-4]})])


async def vector_of_another_text(store: PageStore, page: Page) -> None:
    other = PageSource(page.model_copy(update={"text": f"{page.text} A fox."}))
    (source,) = with_embeddings([other], EMBEDDER)
    assert source.embedding is not None
    await store.put_embeddings([source.embedding])


def reading_that_says(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Harm:
    async def harm(store: PageStore, page: Page) -> None:
        key = (page.page_id, page.revision)
        kept = (await store.readings([key], EXTRACTOR_VERSION))[key]
        await store.put_readings([kept.model_copy(update={"reading": change(dict(kept.reading))})])

    return harm


HARM: Final[dict[str, tuple[Harm, str, set[str]]]] = {
    "a page's own row leads elsewhere": (
        leading_elsewhere(next_within="S01-P0009", forks=("S01-P0007",)),
        "page-changed",
        {"edges.next_within", "edges.forks"},
    ),
    "a page's own row has other signals": (another_novelty, "page-changed", {"signals.novelty"}),
    "a vector is all zeros": (zeroed_vector, "vector-changed", {"as_computed"}),
    "a vector lacks its last number": (cut_vector, "vector-changed", {"as_computed"}),
    "a vector is that of another text": (vector_of_another_text, "vector-changed", {"as_computed"}),
    "a reading has another summary": (
        reading_that_says(lambda reading: {**reading, "summary": "Nothing happens."}),
        "reading-changed",
        {"reading.summary"},
    ),
    "a reading says nothing": (
        reading_that_says(lambda reading: {}),
        "reading-changed",
        {f"reading.{name}" for name in ("anchors", "entities", "hooks", "motifs", "scores", "summary", "version")},
    ),
}
"""By its description: the damage, and the name and the fields that it is found by."""


async def page_of(store: PageStore, whose: str) -> Page:
    """Return the canon's page, or a journey's first."""
    if whose == CANON:
        return next(page for page in await store.canon_pages(1) if page.page_id == CANON)
    page = (await store.outcomes(whose))[0].page
    assert page is not None
    return page


async def harm(world: World, whose: str, *names: str) -> None:
    async with world.system(repairing=True) as system:
        page = await page_of(system.store, whose)
        for name in names:
            await HARM[name][0](system.store, page)


async def replayed(world: World, *, check: bool) -> dict[str | None, Replayed]:
    """Replay every journey and the book."""
    async with world.system(repairing=True) as system:
        return {each.after.journey: each async for each in replay_all(system, check=check)}


@pytest.mark.parametrize("whose", ["alice", CANON])
@pytest.mark.parametrize("name", HARM)
async def test_changed_column_is_found_and_mended(embedded: World, name: str, whose: str) -> None:
    """A row with another value is found by its field and mended by a repair."""
    await harm(embedded, whose, name)
    _, finding, fields = HARM[name]

    seen = (await replayed(embedded, check=True))["alice" if whose == "alice" else None].after
    found = await embedded.found(apply=True)

    assert not seen.equal
    assert {difference.field for difference in seen.differences} == fields
    assert [each.journey for each in found.pop(finding)] == [seen.journey]
    assert found == {}
    assert await embedded.found() == {}


@pytest.mark.parametrize("whose", ["alice", CANON])
async def test_replay_restores_changed_rows(embedded: World, whose: str) -> None:
    """A replay writes pages, vectors and readings again as they were."""
    tables = ("pages", "page_embeddings", "readings")
    before = {table: contents(embedded, table) for table in tables}
    await harm(embedded, whose, *HARM)
    assert all(contents(embedded, table) != before[table] for table in tables)

    await replayed(embedded, check=False)

    assert {table: contents(embedded, table) for table in tables} == before
    assert all(each.after.equal for each in (await replayed(embedded, check=True)).values())


def contents(world: World, table: str) -> list[str]:
    """Return a table's rows, without `change`, which counts the writes of a vector."""
    rows = [{name: value for name, value in row.items() if name != "change"} for row in world.tables.rows(table)]
    return sorted(json.dumps(row, default=bytes.hex, sort_keys=True) for row in rows)


@pytest.mark.kafka
@pytest.mark.cassandra
async def test_changed_columns_on_servers_are_mended(cluster: World) -> None:
    """On servers, a repair finds and mends changed columns."""
    for whose in ("alice", CANON):
        await harm(cluster, whose, *HARM)

    found = await cluster.found(apply=True)

    assert {name: len(findings) for name, findings in found.items()} == {name: 2 for _, name, _ in HARM.values()}
    assert await cluster.found() == {}
    assert all(each.after.equal for each in (await replayed(cluster, check=True)).values())


async def test_zero_vectors_are_found_and_mended(embedded: World) -> None:
    """Vectors that are all zero are found one by one and mended."""
    async with embedded.system(repairing=True) as system:
        journeys = [session async for session in system.store.journeys()]
        outcomes = [outcome for session in journeys for outcome in await system.store.outcomes(session)]
        pages = [*(o.page for o in outcomes if o.page is not None), *await system.store.canon_pages(1)]
        for page in pages:
            await zeroed_vector(system.store, page)

    found = await embedded.found(apply=True)

    assert {finding.place for finding in found.pop("vector-changed")} == {f"page_embeddings/{p.page_id}" for p in pages}
    assert found == {}
    assert await embedded.found() == {}


async def test_reading_absent_from_outcome_is_made_again(embedded: World) -> None:
    """A page whose outcome carries no reading is read again."""
    outcome = factories.outcome("dora")
    press = Press(event_id=outcome.request.press_id, ts=factories.at(0), session_id="dora", symbol_code=0)
    async with embedded.system(repairing=True) as system:
        await system.store.commit_outcome("dora", outcome.request_id, 0, outcome)
        await system.store.append_log([log_entry(press)])
        assert (await replay(system, "dora")).after.equal
    await harm(embedded, "dora", "a reading says nothing")

    mended = (await replayed(embedded, check=False))["dora"]

    assert outcome.reading is None
    assert {difference.table for difference in mended.before.differences} == {"readings"}
    assert mended.after.equal


def _of_event(event_id: str) -> RowFilter:
    return lambda row: bool(row["event_id"] == event_id)


async def test_log_rows_of_an_earlier_version_are_no_damage(embedded: World) -> None:
    """Rows of outcomes without the fields that their events have got since equal those that are due."""
    added = {"user_intent": "", "wished": None}  # each with its default
    for row in embedded.tables.rows("events_log", lambda row: row["type"].startswith("gibsey.generate.page.")):
        older = {
            name: value for name, value in json.loads(row["payload_json"]).items() if (name, value) not in added.items()
        }
        assert embedded.tables.change("events_log", _of_event(row["event_id"]), payload_json=json.dumps(older))
    assert await embedded.found() == {}
    assert all(each.after.equal for each in (await replayed(embedded, check=True)).values())
