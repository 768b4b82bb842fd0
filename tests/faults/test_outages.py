"""A store or a bus that is away is waited for, and an answer that is lost is asked for again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from tests.faults.checker import table, tally, violations
from tests.faults.conftest import NewHouse
from tests.faults.faulty_system import Trouble, answer_lost, away, away_for, troubled
from tests.faults.witness import Call, Moment, Plan, nothing
from tests.support.notes import Note
from tests.support.scripted import ScriptedModel

from qdpi.events import PageDone

SEED = 5
SHORT = 12
"""At how many of the calls a part is away in the short form."""
LONGEST = 6
"""For how many calls a part is away at most."""
TIMES = 3
"""How often each kind of call fails in a bad start."""


async def press_three(trouble: Trouble, name: str) -> None:
    """Press twice in one journey and once, for a page that is not there, in another; wait until all is done."""
    await trouble.press(f"{name}-amber", "an-author:XC", "S01-P0001")
    await trouble.press(f"{name}-amber", "an-author:AU", words="What did the lamp show?")
    await trouble.press(f"{name}-birch", "an-author:XC", "S01-P9999")
    await trouble.settled()


async def calls_of_three(trouble: Trouble) -> int:
    await press_three(trouble, "dry")
    return len(trouble.witness.calls)


def away_at(chance: random.Random) -> Callable[[int], Plan]:
    return lambda number: away_for(number, chance.randint(1, LONGEST))


@pytest.mark.parametrize(
    "most",
    [
        pytest.param(SHORT, id="some calls", marks=pytest.mark.slow),
        pytest.param(None, id="every call", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("kind", ["away", "answer lost"])
async def test_outage_at_any_port_call(kind: str, most: int | None, new_house: NewHouse, note: Note):
    """An outage at any port call fails loses and doubles nothing."""
    chance = random.Random(SEED)
    plan_at = away_at(chance) if kind == "away" else answer_lost
    async with troubled(new_house()) as trouble:
        calls = await calls_of_three(trouble)
        indexes = chance.sample(range(1, calls + 1), most or calls)
        for index in indexes:
            trouble.plan = plan_at(len(trouble.witness.calls) + index)
            await press_three(trouble, f"at-{index}")
            trouble.plan = nothing
        history = await trouble.history()
    note(f"seed {SEED}, {kind} at {len(indexes)} of {calls} calls\n{table([tally(history, 0)])}")
    assert violations(history) == []
    failed = [o.event for o in history.all_outcomes() if not isinstance(o.event, PageDone)]
    assert {event.error.code for event in failed} == {"unknown_page"}
    assert len(failed) == len(indexes) + 1


@pytest.mark.parametrize("moment", Moment)
async def test_lost_answer_of_a_commit(moment: Moment, new_house: NewHouse):
    """A commit whose answer is lost is adopted or repeated once and written once."""
    model = ScriptedModel(lambda prompt: "The lamp on the stair was lit, and nobody had lit it. " * 12)
    refused: list[Call] = []

    async def plan(call: Call, at: Moment) -> None:
        if call.name == "store.commit_outcome" and at is moment and len(refused) < 2:
            refused.append(call)
            raise away(call)

    async with troubled(new_house(), model) as trouble:
        await trouble.press("amber", "an-author:XC", "S01-P0001")
        await trouble.settled()
        asked_undisturbed = len(model.prompts)
        trouble.plan = plan
        await trouble.press("birch", "an-author:XC", "S01-P0001")
        await trouble.settled()
        history = await trouble.history()
    assert len(refused) == 2
    assert violations(history) == []
    assert len(model.prompts) == 2 * asked_undisturbed


async def test_repeated_outage_of_every_kind_of_call(new_house: NewHouse):
    """Every kind of call may fail several times from the start on."""
    refused: Counter[str] = Counter()

    async def plan(call: Call, at: Moment) -> None:
        if at is Moment.BEFORE and refused[call.name] < TIMES:
            refused[call.name] += 1
            raise away(call)

    async with troubled(new_house()) as trouble:
        trouble.plan = plan
        await press_three(trouble, "early")
        history = await trouble.history()
    assert {"bus.join", "bus.tap", "bus.lag", "qdpi.enricher.fetch", "store.commit_outcome"} <= refused.keys()
    assert violations(history) == []
