"""The shadow of a journey: what its presses stand on, and what its runs read."""

from __future__ import annotations

from typing import Any, cast

import pytest
from tests.counterfactual.presses import failure, fault, page_of, written
from tests.support import factories

from qdpi.counterfactual.shadow import Shadow, ShadowPress, shadow_press
from qdpi.journey import JourneyState
from qdpi.outcome import Outcome
from qdpi.page_schema import Page, PageStatus
from qdpi.search.analysis import EXTRACTOR_VERSION
from qdpi.store.ports import PageStore
from qdpi.store.rows import VaultChangeRow
from qdpi.symbols import Trajectory


class CanonOnly:
    """A store that has one canon page, and a written page of the journey itself."""

    def __init__(self, *pages: Page) -> None:
        self._pages = {page.page_id: page for page in pages}

    async def page(self, page_id: str) -> Page | None:
        return self._pages.get(page_id)

    async def readings(self, keys: Any, version: str) -> dict[Any, Any]:
        return {}


def shadow(*pages: Page, changes: tuple[VaultChangeRow, ...] = ()) -> Shadow:
    return Shadow(cast("PageStore", CanonOnly(*pages)), changes, factories.at(0))


def id_of(outcome: Outcome) -> str:
    return page_of(outcome).page_id


def pressed(
    original: Outcome, *earlier: Outcome, taken: tuple[Outcome, ...] = (), position: str | None = None
) -> ShadowPress:
    """Return a press as that of a shadow that has taken some outcomes."""
    beside = shadow()
    for outcome in taken:
        beside.take(outcome)
    pages = {id_of(each): page_of(each) for each in earlier}
    return shadow_press(original, JourneyState(position=position), pages, beside)


def test_press_on_the_canon_is_the_same_press():
    """Its symbol, its words and its wish are those of the journey."""
    original = written(1, asked={"trajectory": Trajectory.FORK, "user_intent": "who lit it?"})
    press = pressed(original)
    assert press.request == original.request.model_copy(update={"page_id": "S01-P0001"})
    assert (press.pressed_on, press.notes) == (None, ())


def test_press_on_a_written_page_stands_on_the_shadows_own():
    first = written(1)
    press = pressed(written(2, id_of(first)), first, taken=(first,))
    assert (press.request.page_id, press.pressed_on, press.notes) == (id_of(first), 1, ())


def test_press_without_a_page_stands_where_the_journey_stood():
    """A press that names no page stands on the journey's position, wherever its shadow has come to."""
    first, second = written(1), written(2)
    failed = failure(3, asked={"page_id": None})
    press = pressed(failed, first, second, taken=(first, second), position=id_of(first))
    assert (press.request.page_id, press.pressed_on) == (id_of(first), 1)


def test_press_on_a_page_that_the_shadow_lacks():
    """It stands on the page that that one was written on, as far back as needed, and says so."""
    first = written(1)
    second = written(2, id_of(first))
    third = written(3, id_of(second))
    only_first = pressed(third, first, second, taken=(first,))
    assert (only_first.request.page_id, only_first.pressed_on) == (id_of(first), 2)
    assert only_first.notes == ("The shadow has no page of press 2: it stands on its own page of press 1.",)
    none = pressed(third, first, second)
    assert none.request.page_id == "S01-P0001"
    assert none.notes == ("The shadow has no page of press 2: it stands on S01-P0001.",)


def test_ask_keeps_the_symbol_that_it_got():
    """An ask on no named page has no symbol: the shadow's has that of the journey's page."""
    original = written(asked={"symbol_code": None})
    assert original.request.symbol_code is None
    assert pressed(original).request.symbol_code == original.event.symbol_code


@pytest.mark.parametrize(
    ("original", "says"),
    [
        (written(), ""),
        (written(status=PageStatus.STOPPED), "The reader stopped this page; the shadow writes to the end."),
        (failure(code="stopped"), "The reader stopped this run before it had any text; the shadow writes to the end."),
        (failure(), "This run failed; the shadow tries it again."),
        (failure(asked={"error": fault("unknown_page")}), "This press was refused; the shadow refuses it as well."),
    ],
)
def test_notes_of_what_ended_the_journeys_own_run(original: Outcome, says: str):
    assert "".join(pressed(original).notes) == says


async def test_reads_its_own_pages_and_the_canon():
    """A page of the journey that the shadow has not written is none: no text of another model reaches it."""
    canon, first, second = factories.canon_page(1), written(1), written(2)
    beside = shadow(canon, page_of(second))
    beside.take(first)
    assert await beside.page(canon.page_id) == canon
    assert await beside.page(id_of(first)) == first.page
    assert await beside.page(id_of(second)) is None
    assert await beside.last_outcome("reader") == first
    beside.take(second)
    assert await beside.outcomes("reader", after=1) == [second]
    readings = await beside.readings([(id_of(first), 1), (canon.page_id, 1)], EXTRACTOR_VERSION)
    assert list(readings) == [(id_of(first), 1)]


async def test_vault_as_it_was_at_each_press():
    """Of each page the newest change until then counts; the entries are in the order of their changes."""
    changes = (change("a", 1), change("b", 2), change("a", 3, "unsaved"), change("c", 4), change("b", 5, "labelled"))
    beside, held = shadow(changes=changes), {}
    for time in range(6):
        beside.until = factories.at(time)
        held[time] = [entry.page_id for entry in await beside.vault("reader")]
    assert held == {0: [], 1: ["a"], 2: ["a", "b"], 3: ["b"], 4: ["b", "c"], 5: ["c", "b"]}


def change(page: str, second: int, action: str = "saved") -> VaultChangeRow:
    entry = factories.vault_entry(page, second).model_copy(update={"saved_at": factories.at(second)})
    return VaultChangeRow.model_validate({**entry.model_dump(), "action": action})
