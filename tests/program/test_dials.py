"""The dials of a page that is continued: what they turn in the call of a model, and how a saved program keeps them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.program.runs import CHARACTER, LOCUS
from tests.support.replies import page_for
from tests.support.scripted import ScriptedModel

from qdpi.canon.edition import Edition
from qdpi.errors import InvalidInput
from qdpi.events import PressInput
from qdpi.language.port import Capabilities, Guide
from qdpi.program import QDPIProgram
from qdpi.program.dials import BOUNDS, Dials, dials_of
from qdpi.program.draft import Draft, RunInput, SilentProgress
from qdpi.symbols import encode_symbol

if TYPE_CHECKING:
    import dspy
    from dspy import lm15


class LedModel(ScriptedModel):
    """A model that continues prose and is led by words; keeps its calls as they came."""

    def __init__(self) -> None:
        super().__init__(page_for, capabilities=Capabilities(plans=False, thinks=False, is_led=True))
        self.words: dict[str, float] = {}
        self.requests: list[lm15.Request] = []

    def led_by(self, guide: Guide) -> dspy.LM:
        self.words = dict(guide.words)
        return self.lm

    async def _pieces(self, request: lm15.Request) -> AsyncIterator[str]:
        self.requests.append(request)
        async for piece in super()._pieces(request):
            yield piece

    @property
    def pairs(self) -> list[str]:
        """The turns of its last call before the one that is to be continued."""
        return [message.text or "" for message in self.requests[-1].messages[:-1]]


async def pressed(edition: Edition, program: QDPIProgram, model: LedModel) -> LedModel:
    """Press once, with words, and return the model with the call that it got."""
    symbol, locus = encode_symbol(CHARACTER, 0), edition.pages[LOCUS]
    asked = PressInput(user_intent="the kettle")
    run = RunInput(page_id="new", symbol_code=symbol, pressed=locus, edition=edition, asked=asked)
    await program.draft(run, program.prepare(run), Draft(), SilentProgress())
    return model


async def called(edition: Edition, **dials: Any) -> LedModel:
    model = LedModel()
    return await pressed(edition, QDPIProgram(edition, model, dials=Dials(**dials)), model)


async def test_demos_is_the_number_of_pairs_before_the_page(edition: Edition) -> None:
    """A voice of the short book has pages for two."""
    assert [len((await called(edition, demos=count)).pairs) for count in (0, 1, 2, 8)] == [0, 2, 4, 4]


async def test_demo_words_bounds_each_page_of_a_pair(edition: Edition) -> None:
    short, long = await called(edition, demo_words=20), await called(edition, demo_words=200)
    assert max(len(turn.split()) for turn in short.pairs) <= 20
    assert min(len(turn.split()) for turn in long.pairs) > 20


async def test_strength_is_the_factor_of_the_voices_log_odds(edition: Edition) -> None:
    plain, half, none = [await called(edition, strength=strength) for strength in (1.0, 0.5, 0.0)]
    own = edition.voice_words[CHARACTER]
    voiced = {word for word in own if plain.words[word] == own[word]}
    assert len(voiced) > len(own) / 2
    assert all(half.words[word] == own[word] / 2 for word in voiced)
    assert not voiced & none.words.keys()


async def test_raised_is_how_much_likelier_the_readers_words_are(edition: Edition) -> None:
    assert (await called(edition, raised=0.25)).words["kettle"] == 0.25
    assert "kettle" not in (await called(edition, raised=0.0)).words


async def test_temperature_is_that_of_the_call_and_unset_the_servers(edition: Edition) -> None:
    assert (await called(edition, temperature=0.4)).requests[-1].config.temperature == 0.4
    assert (await called(edition)).requests[-1].config.temperature is None


async def test_saved_dials_turn_the_page_of_the_program_that_loads_them(edition: Edition) -> None:
    saved = QDPIProgram(edition, dials=Dials(demos=1, strength=0.0)).dump_state()
    model = LedModel()
    program = QDPIProgram(edition, model)
    program.load_state(saved)
    await pressed(edition, program, model)
    assert len(model.pairs) == 2
    assert program.dials == Dials(demos=1, strength=0.0)


def test_state_without_dials_has_the_defaults() -> None:
    """It was saved before there were any."""
    state = QDPIProgram().dump_state()
    del state["dials"]
    program = QDPIProgram(dials=Dials(demos=1))
    program.load_state(state)
    assert program.dials == Dials()


def test_copy_of_a_program_has_its_dials() -> None:
    """Optimisers work on copies."""
    program = QDPIProgram(dials=Dials(demos=1))
    assert program.deepcopy().dials == program.reset_copy().dials == Dials(demos=1)


def test_copy_of_a_program_shares_its_book_and_model_and_no_predictor(edition: Edition) -> None:
    """An optimiser makes a copy a candidate, and changes its predictors."""
    model = LedModel()
    program = QDPIProgram(edition, model)
    copied = program.deepcopy()
    assert copied.model is model
    assert copied.edition is edition
    copied.receive.demos.append({"page_text": "A lamp."})
    copied.callbacks.append(object())
    assert (program.receive.demos, program.callbacks) == ([], [])


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("value", [-1, 1_000, float("nan"), True, "2", [2]])
def test_dial_outside_of_its_bounds_is_refused(name: str, value: object) -> None:
    """The error says the dial, the value and the bounds, and the program keeps what it had."""
    program = QDPIProgram()
    state = {**program.dump_state(), "dials": {name: value}}
    with pytest.raises(InvalidInput, match=rf"dial {name} is .*; it is {BOUNDS[name]}"):
        program.load_state(state)
    assert program.dials == Dials()


@pytest.mark.parametrize("given", [{"volume": 11}, {"": 1}, [2], "demos", None])
def test_what_is_no_dial_is_refused(given: object) -> None:
    with pytest.raises(InvalidInput):
        dials_of(given)


def test_every_dial_has_bounds_that_allow_its_default() -> None:
    assert all(BOUNDS[name].allow(value) for name, value in Dials().as_dict().items())
    assert BOUNDS.keys() == Dials().as_dict().keys()
