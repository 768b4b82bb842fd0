"""GET /journey/{session_id}/tree: the outcomes by columns."""

from __future__ import annotations

import gzip
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.gateway.test_presses import assert_problem
from tests.support import factories
from tests.support.gateway import gateway_in

from qdpi.api.responses import JourneyTree
from qdpi.events import Fault
from qdpi.gateway.journey_trees import JourneyTrees, TreeColumns
from qdpi.outcome import Outcome
from qdpi.page_schema import Placement
from qdpi.store.columns import tree_row
from qdpi.store.rows import TreeRow
from qdpi.symbols import Trajectory

FAULT = Fault(code="model_failed", detail="Nothing came.", next_step="Press again.")
TREE = "/api/v1/journey/reader/tree"


def place(locus: str, **fields: Any) -> Placement:
    return Placement(locus=locus, anchor=factories.canon_id(1), anchor_section=1, depth=1, **fields)


async def test_new_journey_has_an_empty_tree(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get(TREE)
        tree = JourneyTree.model_validate_json(answer.content)
        assert (tree.head, tree.after, tree.next_after, tree.seq, tree.page_id) == (0, 0, None, [], [])
        assert answer.headers["etag"] == 'W/"0"'


async def test_tree_names_own_pages_by_seq_and_others_by_id(tmp_path: Path):
    """Pages and failures in order: where each was pressed, its branch, its status and its title."""
    async with gateway_in(tmp_path) as gateway:
        generator, locus = gateway.generator, factories.canon_id(1)
        first = await generator.answer("reader", await gateway.press())
        assert first.page is not None
        forked = await generator.answer(
            "reader",
            await gateway.press(),
            trajectory=Trajectory.FORK,
            placement=place(first.page.page_id, branch_id="b"),
            status="stopped",
        )
        await generator.answer("reader", await gateway.press(), fault=FAULT)
        assert forked.page is not None
        inside = await generator.answer("reader", await gateway.press(), placement=place(forked.page.page_id))
        assert inside.page is not None
        answer = (await gateway.client.get(TREE)).json()
        assert {name: answer[name] for name in ("head", "after", "next_after")} == {
            "head": 4,
            "after": 0,
            "next_after": None,
        }
        assert answer["seq"] == [1, 2, 3, 4]
        assert answer["page_id"] == [first.page.page_id, forked.page.page_id, None, inside.page.page_id]
        assert answer["locus"] == [locus, 1, locus, 2]
        assert answer["branch"] == [None, "b", None, None]
        assert answer["trajectory"] == ["T0", "T2", None, "T0"]
        assert answer["symbol"] == [0, 0, 0, 0]
        assert answer["status"] == ["complete", "stopped", "failed", "complete"]
        assert answer["error"] == [None, None, "model_failed", None]
        assert answer["title"] == [first.page.title, forked.page.title, None, inside.page.title]
        assert [at - first.at.timestamp() < 60 for at in answer["ts"]] == [True] * 4
        assert answer["ts"][0] >= first.at.timestamp()


async def test_tree_in_parts(tmp_path: Path):
    """`after` and `limit` choose a part; a locus of an earlier part is still named by its seq."""
    async with gateway_in(tmp_path) as gateway:
        locus = factories.canon_id(1)
        for _ in range(5):
            outcome = await gateway.generator.answer("reader", await gateway.press(), placement=place(locus))
            assert outcome.page is not None
            locus = outcome.page.page_id
        part = (await gateway.client.get(TREE, params={"after": 1, "limit": 2})).json()
        assert (part["seq"], part["locus"], part["next_after"]) == ([2, 3], [1, 2], 3)
        rest = (await gateway.client.get(TREE, params={"after": part["next_after"]})).json()
        assert (rest["seq"], rest["locus"], rest["next_after"]) == ([4, 5], [3, 4], None)
        beyond = (await gateway.client.get(TREE, params={"after": 9})).json()
        assert (beyond["seq"], beyond["head"], beyond["next_after"]) == ([], 5, None)


async def test_etag_is_the_head(tmp_path: Path):
    """A client with the newest tree gets 304, and the tree again after one more outcome."""
    async with gateway_in(tmp_path) as gateway:
        await gateway.generator.answer("reader", await gateway.press())
        known = (await gateway.client.get(TREE)).headers["etag"]
        assert known == 'W/"1"'
        unchanged = await gateway.client.get(TREE, headers={"if-none-match": known})
        assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", known)
        await gateway.generator.answer("reader", await gateway.press(), fault=FAULT)
        changed = await gateway.client.get(TREE, headers={"if-none-match": known})
        assert (changed.status_code, changed.json()["seq"]) == (200, [1, 2])
        assert changed.headers["cache-control"] == "private, no-cache"


async def test_refused_queries(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        for query in ({"after": "-1"}, {"after": "x"}, {"limit": "0"}, {"limit": "10001"}):
            assert_problem(await gateway.client.get(TREE, params=query), 422, "invalid_input")


class CountingStore:
    """Outcomes of which every read of the tree is counted."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.rows = [tree_row(outcome) for outcome in outcomes]
        self.reads: list[tuple[int, int]] = []

    async def tree(self, session_id: str, after: int, until: int) -> list[TreeRow]:
        self.reads.append((after, until))
        return [row for row in self.rows if after < row.seq <= until]


async def test_kept_tree_is_read_on_from_its_head():
    store = CountingStore([factories.outcome(seq=seq) for seq in (1, 2, 4, 5)])
    trees = JourneyTrees(store)  # type: ignore[arg-type]
    await trees.of("reader", 2)
    await trees.of("reader", 2)
    tree = await trees.of("reader", 5)
    assert store.reads == [(0, 2), (2, 5)]
    assert tree.columns(1, 5)["seq"] == [2, 4, 5], "a lost outcome is left out, and moves no other"


async def test_least_recent_trees_are_forgotten():
    store = CountingStore([factories.outcome(seq=seq) for seq in range(1, 5)])
    trees = JourneyTrees(store, rows=8)  # type: ignore[arg-type]
    for journey in ("one", "two", "one", "three", "one"):
        await trees.of(journey, 4)
    assert store.reads == [(0, 4)] * 3, "one was read last, so two was forgotten"


def test_ten_thousand_outcomes_are_350_kilobytes():
    """By gzip, as the gateway compresses: 35 bytes an outcome, of which its page's random id is 21."""
    tree = TreeColumns()
    tree.take(_read_for_weeks(10_000, random.Random(7)), 10_000)
    view = JourneyTree(session_id="reader", head=10_000, after=0, next_after=None, **tree.columns(0, 10_000))
    assert len(view.seq) == 10_000
    assert len(gzip.compress(view.model_dump_json().encode(), 5)) <= 350_000


def _read_for_weeks(count: int, chance: random.Random) -> Iterator[TreeRow]:
    """Yield the rows of a journey that reads on, presses, and departs now and then."""
    anchor, last, branch = 1, factories.canon_id(1), None
    for seq in range(1, count + 1):
        page = str(uuid.UUID(int=chance.getrandbits(128)))
        if chance.random() < 0.5:
            anchor = 1 + (anchor + chance.randrange(3)) % 710
            last, branch = factories.canon_id(anchor), None
        trajectory = chance.choice([*Trajectory])
        if branch is None and trajectory in {Trajectory.FORK, Trajectory.DRIFT}:
            branch = page
        yield TreeRow(
            seq=seq,
            ts=factories.at(seq * 40 + chance.random() * 30),
            request_id=page,
            page_id=page,
            locus=last,
            symbol_code=chance.randrange(256),
            trajectory=trajectory,
            branch_id=branch,
            status="complete",
            title=f"The title of a page that is the {anchor}th",
        )
        last = page
