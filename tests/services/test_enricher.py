"""The enricher: the fields of a request, and invalid presses."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import factories
from tests.support.flow import EMBEDDER

from qdpi.bootstrap import build_system, ensure_book, opened
from qdpi.bus.port import Partition, Record
from qdpi.errors import MalformedEvent
from qdpi.events import Ask, PageRequest, Press, decode
from qdpi.ids import request_id
from qdpi.services.enricher import Enricher
from qdpi.settings import Settings
from qdpi.symbols import Trajectory, parse_symbol
from qdpi.system import System


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with opened(build_system(Settings(data_dir=tmp_path), embedder=EMBEDDER)) as system:
        await ensure_book(system)
        yield system


@pytest.fixture
def enricher(system: System) -> Enricher:
    return Enricher(system.store, system.editions, system.publisher, str)


async def enrich(enricher: Enricher, press: Press | Ask) -> PageRequest:
    """Return the request of a press whose record is five seconds later than the press."""
    return await enricher.enrich(press, factories.at(5))


def press(symbol: str = "london-fox:XC", page: str | None = None, **fields: Any) -> Press:
    given = {"event_id": "p-1", "ts": factories.at(0), "session_id": "s", "symbol_code": parse_symbol(symbol)}
    return Press.model_validate({**given, "page_id": page, **fields})


def record(value: bytes, topic: str = Press.topic) -> Record:
    return Record(Partition(topic, 0), 0, b"s", value, (), factories.at(3))


async def test_request_has_every_field_of_its_press(enricher: Enricher) -> None:
    """A request has all fields of its press and its context."""
    request = await enrich(enricher, press("princhetta:AP", "S05-P0014", user_intent="hush"))
    assert (request.session_id, request.press_id, request.cause_id) == ("s", "p-1", "p-1")
    assert request.request_id == request.event_id == request_id("p-1")
    assert (request.symbol_code, request.char_hex, request.behavior) == (0x79, 7, 9)
    assert (request.section, request.page_id) == (5, "S05-P0014")
    assert request.context_ids == ("S04-P0013", "S04-P0012")
    assert (request.user_intent, request.trajectory, request.canon_revision) == ("hush", None, 1)
    assert request.error is None


async def test_request_passes_on_unknown_fields(enricher: Enricher) -> None:
    """Unknown fields are passed on, and cannot set a known field."""
    request = await enrich(enricher, press(page="S05-P0014", device={"kind": "lamp"}, section=9, error={"code": "x"}))
    assert request.model_extra == {"device": {"kind": "lamp"}}
    assert (request.section, request.error) == (5, None)


async def test_context_of_the_first_page(enricher: Enricher) -> None:
    """The context of the ring's first page is the last two pages of the ring."""
    assert (await enrich(enricher, press(page="S01-P0001"))).context_ids == ("S16-P0053", "S16-P0052")


async def test_context_of_a_generated_page_is_its_anchor(enricher: Enricher, system: System) -> None:
    """The context of a generated page is its anchor."""
    page = factories.generated_page(session_id="s")
    await system.store.put_page(page)
    request = await enrich(enricher, press(page=page.page_id))
    assert (request.section, request.context_ids) == (1, ("S01-P0001",))


@pytest.mark.parametrize(
    ("symbol", "words", "hint"),
    [
        ("london-fox:XC", "take me back", "T0"),
        ("london-fox:AP", "", "T2"),
        ("london-fox:AU", "take me back", "T1"),
        ("london-fox:AU", "and Princhetta?", "T2"),
        ("london-fox:AU", "", "T0"),
        ("london-fox:ZS", "", "T3"),
    ],
)
async def test_hint_is_that_of_a_fresh_journey(symbol: str, words: str, hint: str, enricher: Enricher) -> None:
    """The hint is the trajectory that a new journey would be given."""
    request = await enrich(enricher, press(symbol, "S05-P0014", user_intent=words))
    assert request.trajectory_hint == hint


async def test_wish_is_the_hint(enricher: Enricher) -> None:
    """A wish is passed on and is the hint."""
    request = await enrich(enricher, press(page="S05-P0014", trajectory="T1"))
    assert (request.trajectory, request.trajectory_hint) == (Trajectory.LOOP, Trajectory.LOOP)


async def test_press_without_a_page_has_no_locus(enricher: Enricher) -> None:
    """A press without a page has no locus."""
    request = await enrich(enricher, press("princhetta:AP"))
    assert (request.page_id, request.section, request.context_ids) == (None, None, ())
    assert (request.symbol_code, request.canon_revision) == (0x79, 1)


async def test_symbol_of_an_ask(enricher: Enricher) -> None:
    """The symbol of an ask is "ask user" in the voice of the locus."""
    ask = Ask(event_id="a", ts=factories.at(0), session_id="s", user_intent="why?", page_id="S05-P0014")
    request = await enrich(enricher, ask)
    assert (request.symbol_code, request.char_hex, request.behavior) == (0x4A, 4, 10)
    open_ask = await enrich(enricher, ask.model_copy(update={"page_id": None}))
    assert (open_ask.symbol_code, open_ask.user_intent) == (None, "why?")


async def test_request_time(enricher: Enricher) -> None:
    """The time of a request is that of its press's record, and never before the press."""
    assert (await enrich(enricher, press(ts=factories.at(99)))).ts == factories.at(99)
    assert (await enrich(enricher, press(ts=factories.at(1)))).ts == factories.at(5)


async def test_request_is_deterministic(enricher: Enricher) -> None:
    """The same press gives the same request."""
    assert await enrich(enricher, press()) == await enrich(enricher, press())


@pytest.mark.parametrize("page", ["S99-P9999", "no-such-page"])
async def test_unknown_page_is_an_error_on_the_request(page: str, enricher: Enricher) -> None:
    """An unknown page is an error on the request."""
    request = await enrich(enricher, press(page=page))
    assert request.error is not None
    assert request.error.code == "unknown_page"
    assert page in request.error.detail


async def test_foreign_page_is_an_error_on_the_request(enricher: Enricher, system: System) -> None:
    """Another reader's page is an error like an unknown one."""
    page = factories.generated_page(session_id="another")
    await system.store.put_page(page)
    request = await enrich(enricher, press(page=page.page_id))
    assert request.error is not None
    assert request.error.code == "unknown_page"


BODY = b'{"event_id": "p-1", "ts": "2026-11-01T20:00:00Z", "session_id": "s", "symbol_code": 256}'


async def test_invalid_press_is_a_request_with_an_error(enricher: Enricher, system: System) -> None:
    """An invalid press with a valid journey is a request with an error."""
    with pytest.raises(MalformedEvent) as raised:
        await enricher(record(BODY))
    dead: list[Any] = []
    await enricher.refuse_or(_keep(dead))(record(BODY), raised.value, 1)
    assert dead == []
    (result,) = [r async for r in system.bus.scan(PageRequest.topic)]
    request = decode(PageRequest, result.value)
    assert (request.session_id, request.press_id, request.request_id) == ("s", "p-1", request_id("p-1"))
    assert request.error is not None
    assert (request.error.code, request.ts) == ("malformed_event", factories.at(3))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[1, 2]",
        b'"text"',
        b'{"event_id": "p"}',
        b'{"session_id": "s"}',
        b'{"session_id": "../etc", "event_id": "p"}',
        b'{"session_id": 5, "event_id": "p"}',
        b'{"session_id": "s", "event_id": ""}',
    ],
)
async def test_unreadable_press_is_a_dead_letter(value: bytes, enricher: Enricher, system: System) -> None:
    """A press without a readable journey is a dead letter and no request."""
    dead: list[Any] = []
    error = MalformedEvent("It is none.")
    await enricher.refuse_or(_keep(dead))(record(value), error, 1)
    assert dead == [(record(value), error, 1)]
    assert [r async for r in system.bus.scan(PageRequest.topic)] == []


def _keep(dead: list[Any]) -> Callable[[Record, Exception, int], Any]:
    async def keep(record: Record, error: Exception, attempts: int) -> None:
        dead.append((record, error, attempts))

    return keep
