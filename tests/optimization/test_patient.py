"""A failure of the model that passes does not count against a candidate."""

from __future__ import annotations

import pytest
from tests.support.replies import page_for
from tests.support.scripted import Reply, ScriptedModel

from qdpi.errors import ModelBusy, ModelFailed, ModelRefused, ModelUnreachable
from qdpi.language.port import Capabilities
from qdpi.optimization.patient import PatientProgram
from qdpi.retry import Backoff


def program(*replies: Reply, wait: float = 1.0) -> tuple[PatientProgram, ScriptedModel]:
    """Return a program that tries twice again, over a model that first gives these replies, and then pages."""
    given = iter(replies)
    model = ScriptedModel(lambda prompt: next(given, page_for(prompt)), capabilities=Capabilities(plans=False))
    return PatientProgram(None, model, retries=2, wait=wait, backoff=Backoff(first=0.0, most=0.0)), model


def away() -> ModelUnreachable:
    return ModelUnreachable("It does not answer.")


async def test_failed_cycle_is_tried_again() -> None:
    patient, model = program(away(), away())
    assert (await patient.aforward(0)).page_text
    assert len(model.prompts) == 3


async def test_model_that_stays_away_fails() -> None:
    patient, model = program(*(away() for _ in range(9)))
    with pytest.raises(ModelUnreachable):
        await patient.aforward(0)
    assert len(model.prompts) == 3


async def test_busy_server_is_waited_for() -> None:
    """It is no failure, however often it asks to wait within the time for it."""
    patient, _ = program(*(ModelBusy("Too many requests.", retry_after=0.0) for _ in range(5)))
    assert (await patient.aforward(0)).page_text


async def test_busy_server_is_not_waited_for_without_end() -> None:
    patient, model = program(*(ModelBusy("Too many requests.", retry_after=0.0) for _ in range(9)), wait=0.3)
    with pytest.raises(ModelBusy):
        await patient.aforward(0)
    assert len(model.prompts) == 4


async def test_what_does_not_pass_is_not_tried_again() -> None:
    patient, model = program(ModelRefused("The key is wrong."))
    with pytest.raises(ModelFailed):
        await patient.aforward(0)
    assert len(model.prompts) == 1


async def test_copies_are_as_patient() -> None:
    """An optimiser works on copies."""
    patient, _ = program(away())
    assert (await patient.deepcopy().aforward(0)).page_text
