"""Outages of the store and the bus are retried, and so are calls whose answer is lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from tests.faults.checker import table, tally, violations
from tests.faults.conftest import NewDataDir
from tests.faults.faulty_system import FaultySystem, faulty_system, lost_answer, outage_from, outage_of
from tests.faults.witness import Call, Moment, Plan, nothing
from tests.support.notes import Note
from tests.support.scripted import ScriptedModel

from qdpi.events import PageDone

SEED = 5
SHORT = 12
"""The number of calls with an outage in the short form."""
LONGEST = 6
"""The most calls that one outage lasts."""
TIMES = 3
"""How often each kind of call fails at the start."""


async def press_three(faulty: FaultySystem, name: str) -> None:
    """Press twice in one journey, and once on an unknown page in another; wait until all is done."""
    await faulty.press(f"{name}-amber", "an-author:XC", "S01-P0001")
    await faulty.press(f"{name}-amber", "an-author:AU", words="What did the lamp show?")
    await faulty.press(f"{name}-birch", "an-author:XC", "S01-P9999")
    await faulty.settled()


async def calls_of_three(faulty: FaultySystem) -> int:
    await press_three(faulty, "dry")
    return len(faulty.witness.calls)


def outage_at(chance: random.Random) -> Callable[[int], Plan]:
    return lambda number: outage_from(number, chance.randint(1, LONGEST))


@pytest.mark.parametrize(
    "most",
    [
        pytest.param(SHORT, id="some calls", marks=pytest.mark.slow),
        pytest.param(None, id="every call", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("kind", ["away", "answer lost"])
async def test_outage_at_any_port_call(kind: str, most: int | None, new_data_dir: NewDataDir, note: Note):
    """An outage at any port call fails no press, loses none and doubles none."""
    chance = random.Random(SEED)
    plan_at = outage_at(chance) if kind == "away" else lost_answer
    async with faulty_system(new_data_dir()) as faulty:
        calls = await calls_of_three(faulty)
        indexes = chance.sample(range(1, calls + 1), most or calls)
        for index in indexes:
            faulty.plan = plan_at(len(faulty.witness.calls) + index)
            await press_three(faulty, f"at-{index}")
            faulty.plan = nothing
        history = await faulty.history()
    note(f"seed {SEED}, {kind} at {len(indexes)} of {calls} calls\n{table([tally(history, 0)])}")
    assert violations(history) == []
    failed = [o.event for o in history.all_outcomes() if not isinstance(o.event, PageDone)]
    assert {event.error.code for event in failed} == {"unknown_page"}
    assert len(failed) == len(indexes) + 1


@pytest.mark.parametrize("moment", Moment)
async def test_lost_answer_of_a_commit(moment: Moment, new_data_dir: NewDataDir):
    """A commit whose answer is lost is found or made again, and written once."""
    model = ScriptedModel(lambda prompt: "The lamp on the stair was lit, and nobody had lit it. " * 12)
    refused: list[Call] = []

    async def plan(call: Call, at: Moment) -> None:
        if call.name == "store.commit_outcome" and at is moment and len(refused) < 2:
            refused.append(call)
            raise outage_of(call)

    async with faulty_system(new_data_dir(), model) as faulty:
        await faulty.press("amber", "an-author:XC", "S01-P0001")
        await faulty.settled()
        asked_undisturbed = len(model.prompts)
        faulty.plan = plan
        await faulty.press("birch", "an-author:XC", "S01-P0001")
        await faulty.settled()
        history = await faulty.history()
    assert len(refused) == 2
    assert violations(history) == []
    assert len(model.prompts) == 2 * asked_undisturbed


async def test_repeated_outage_of_every_kind_of_call(new_data_dir: NewDataDir):
    """Every kind of call may fail several times from the start on."""
    refused: Counter[str] = Counter()

    async def plan(call: Call, at: Moment) -> None:
        if at is Moment.BEFORE and refused[call.name] < TIMES:
            refused[call.name] += 1
            raise outage_of(call)

    async with faulty_system(new_data_dir()) as faulty:
        faulty.plan = plan
        await press_three(faulty, "early")
        history = await faulty.history()
    assert {"bus.join", "bus.tap", "bus.lag", "qdpi.enricher.fetch", "store.commit_outcome"} <= refused.keys()
    assert violations(history) == []
