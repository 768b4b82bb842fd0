"""Answers of writers for tests: to presses of a schedule, with texts that the test gives."""

from __future__ import annotations

from typing import Any

from qdpi.evaluation.answers import Answer
from qdpi.evaluation.schedule import ScheduledPress

CALL = {"prompt_tokens": 500, "completion_tokens": 100, "finish_reason": "stop"}


def answer(press: ScheduledPress, text: str = "It was late, and the door was open.", **changes: Any) -> Answer:
    """Return the answer to a press."""
    given: dict[str, Any] = {
        "number": press.number,
        "symbol_code": press.symbol_code,
        "locus": press.locus,
        "words": press.words,
        "text": text,
        "model": "scripted",
        "trajectory": "T0",
        "return_to": press.locus,
        "edges": {"next_within": press.locus, "loop_back_to": None, "forks": [], "mirrors": []},
        "validation": {"passed": True, "reworked": False},
        "receipt": {"calls": [CALL], "cost": None},
        "first_text": 0.5,
        "seconds": 2.0 + press.number,
    }
    return Answer(**{**given, **changes})


def failure(press: ScheduledPress, why: str = "model_unreachable: It does not answer.") -> Answer:
    """Return the answer to a press that gave no page."""
    return Answer(number=press.number, symbol_code=press.symbol_code, locus=press.locus, words=press.words, failed=why)
