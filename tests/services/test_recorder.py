"""The recorder: a journey's log and its vault, written twice without effect and in any order."""

from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path

import pytest
from tests.support import factories

from qdpi.bootstrap import build_system, opened
from qdpi.bus.port import Partition, Record
from qdpi.errors import MalformedEvent
from qdpi.events import Event, PageEvent, Stop, VaultChange, decode
from qdpi.outcome import log_entry
from qdpi.services.recorder import Recorder
from qdpi.settings import Settings
from qdpi.system import System
from qdpi.topology import RECORDER

PAGE = "S01-P0001"


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with opened(build_system(Settings(data_dir=tmp_path))) as system:
        await system.store.put_canon(1, 0, factories.ring(3))
        await system.store.switch_canon(factories.canon_revision(1, 3))
        yield system


@pytest.fixture
def recorder(system: System) -> Recorder:
    return Recorder(system.store, system.publisher)


def record(event: Event) -> Record:
    return Record(Partition(event.topic, 0), 0, b"s", event.encode(), (), factories.at(0))


def change(action: str, seconds: float, *, page: str = PAGE, **fields: str) -> VaultChange:
    given = {"event_id": f"{action}-{seconds}", "ts": factories.at(seconds), "session_id": "s", "page_id": page}
    return VaultChange.model_validate({**given, "action": action, **fields})


async def test_recorder_topics(recorder: Recorder, system: System) -> None:
    """Every topic of a journey is recorded."""
    assert set(RECORDER.topics) == {
        "gibsey.ui.symbol",
        "gibsey.ask",
        "gibsey.ui.stop",
        "gibsey.generate.page.request",
        "gibsey.generate.page.done",
        "gibsey.generate.page.failed",
        "gibsey.vault",
        "gibsey.reader.place",
    }
    stop = Stop(event_id="x", ts=factories.at(1), session_id="s", press_id="p")
    for _ in range(2):
        await recorder(record(stop))
    assert await system.store.log("s") == [log_entry(stop)]


@pytest.mark.parametrize("fails", [False, True])
async def test_recorder_leaves_outcomes_to_the_generator(recorder: Recorder, system: System, fails: bool) -> None:
    outcome = factories.outcome("s", 1, fails=fails)
    await recorder(record(outcome.event))
    assert await system.store.log("s") == []


@pytest.mark.parametrize("topic", RECORDER.topics)
async def test_recorder_refuses_malformed_records(recorder: Recorder, topic: str) -> None:
    """Malformed records are refused on every topic."""
    with pytest.raises(MalformedEvent):
        await recorder(Record(Partition(topic, 0), 0, b"s", b"{}", (), factories.at(1)))


async def test_recorder_saves_a_page_and_publishes_its_status(recorder: Recorder, system: System) -> None:
    saved = change("saved", 1, label="mine", notes="read again")
    await recorder(record(saved))
    (entry,) = await system.store.vault("s")
    assert (entry.page_id, entry.label, entry.notes) == (PAGE, "mine", "read again")
    assert (entry.saved_at, entry.event_id) == (saved.ts, saved.event_id)
    (result,) = [decode(PageEvent, r.value) async for r in system.bus.scan(PageEvent.topic)]
    assert (result.page_id, result.change, result.saved, result.cause_id) == (PAGE, "saved", True, saved.event_id)
    assert result.ts == saved.ts


async def test_recorder_is_idempotent(recorder: Recorder, system: System) -> None:
    """A change that is delivered twice is applied once."""
    for _ in range(3):
        await recorder(record(change("saved", 1)))
    assert len(await system.store.vault("s")) == 1
    result = {decode(PageEvent, r.value).event_id async for r in system.bus.scan(PageEvent.topic)}
    assert len(result) == 1


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_recorder_keeps_the_newest_change(order: tuple[int, ...], recorder: Recorder, system: System) -> None:
    changes = [change("saved", 1, label="first"), change("unsaved", 2), change("labelled", 3, label="last")]
    for place in order:
        await recorder(record(changes[place]))
    assert [entry.label for entry in await system.store.vault("s")] == ["last"]


@pytest.mark.parametrize("order", list(permutations(range(2))))
async def test_recorder_removes_an_unsaved_page(order: tuple[int, ...], recorder: Recorder, system: System) -> None:
    """An unsaved page is removed from the vault."""
    changes = [change("saved", 1), change("unsaved", 2)]
    for place in order:
        await recorder(record(changes[place]))
    assert await system.store.vault("s") == []


async def test_recorder_publishes_nothing_for_an_unknown_page(recorder: Recorder, system: System) -> None:
    await recorder(record(change("saved", 1, page="gone")))
    assert [r async for r in system.bus.scan(PageEvent.topic)] == []
