"""A page that is written paragraph by paragraph: several drafts of each, of which the best is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from dspy import lm15
from tests.simulation.loop import SimulatedLoop

from qdpi.errors import ModelBusy
from qdpi.language.drafting import DraftingEngine
from qdpi.language.engines import Carried, carrying
from qdpi.language.port import Appeal, DraftLimits, Guide

OPENING = "The lamp was lit at the end of the pier."
LONG = " " + " ".join(["The keeper went down the stair with a book in her hand."] * 4)
ENDLESS = DraftLimits(most=3, first_text=1_000, page=1_000)
REQUEST = lm15.Request(
    model="small",
    messages=(lm15.Message.user("The pier was empty."),),
    system="You are a voice.",
    config=lm15.Config(temperature=0.5, max_tokens=320),
)


class Server:
    """Answers with the texts that it is given, one after another, each in two pieces and after `seconds`."""

    def __init__(self, *texts: str | Exception, seconds: float = 0.0, cut: Sequence[int] = ()) -> None:
        self.left, self.seconds, self.cut = list(texts), seconds, cut
        self.requests: list[lm15.Request] = []

    @carrying
    async def stream(self, request: lm15.Request) -> AsyncIterator[Any]:
        number = len(self.requests)
        self.requests.append(request)
        await asyncio.sleep(self.seconds)
        yield lm15.StreamStartEvent(model=request.model)
        text = self.left.pop(0)
        if isinstance(text, Exception):
            raise text
        for piece in (text[:5], text[5:]):
            yield lm15.StreamDeltaEvent(lm15.TextDelta(piece))
        usage = lm15.Usage(input_tokens=100, output_tokens=10)
        yield lm15.StreamEndEvent(finish_reason="length" if number in self.cut else "stop", usage=usage)

    @property
    def continued(self) -> list[str]:
        """For each request the page so far, which the server goes on from."""
        return [r.messages[-1].text or "" if r.messages[-1].role == "assistant" else "" for r in self.requests]


def likes(*wanted: str, enough: bool = False) -> Callable[[str], Appeal]:
    """Return an appeal that counts words; with `enough` one of them is all that is asked for."""

    def judge(text: str) -> Appeal:
        score = sum(text.count(word) for word in wanted)
        return Appeal(score, enough and score > 0)

    return judge


def likes_all(text: str) -> Appeal:
    return Appeal(0.0, False)


def write(
    server: Server,
    appeal: Callable[[str], Appeal] = likes_all,
    *,
    limits: DraftLimits = ENDLESS,
    page_words: int = 40,
    is_crowded: Callable[[], bool] = lambda: False,
) -> tuple[list[str], lm15.StreamEndEvent]:
    """Write a page, and return its pieces and how it ended."""
    guide = Guide(words={}, paragraph_words=40, page_words=page_words, appeal=appeal)
    engine = DraftingEngine(server, guide, {"7": 1.5}, limits, is_crowded)  # type: ignore[arg-type]  # its one method

    async def read() -> list[Any]:
        return [event async for event in engine.stream(REQUEST)]

    loop = SimulatedLoop()
    try:
        _, *deltas, end = loop.run_until_complete(read())
    finally:
        loop.close()
    return [delta.delta.text for delta in deltas], end


def test_best_of_three_openings_is_given_and_continued() -> None:
    server = Server("A dog ran by it.", OPENING, "A cat sat on it.", *[LONG] * 3)
    pieces, _ = write(server, likes("lamp"))
    assert pieces == [OPENING, LONG]
    assert server.continued == ["", "", "", OPENING, OPENING, OPENING]


def test_each_paragraph_is_chosen_as_part_of_the_page_so_far() -> None:
    server = Server(OPENING, " The stair.\n\n", " The lamp again.\n\n", *[f"\n\n{LONG.strip()}"] * 2)
    pieces, _ = write(server, likes("lamp", "keeper"), limits=DraftLimits(most=2, first_text=0, page=1_000))
    assert pieces[:2] == [OPENING, " The lamp again."]


def test_no_other_draft_is_tried_of_one_that_is_good_enough() -> None:
    server = Server(OPENING, LONG)
    pieces, _ = write(server, likes("lamp", enough=True))
    assert pieces == [OPENING, LONG]


def test_no_draft_of_the_opening_is_begun_that_would_end_too_late() -> None:
    server = Server(OPENING, OPENING, *[LONG] * 3, seconds=1.5)
    write(server, limits=DraftLimits(most=3, first_text=4, page=1_000))
    assert server.continued.count("") == 2


def test_after_the_pages_time_the_rest_is_written_once_and_shown_as_it_comes() -> None:
    server = Server(OPENING, LONG, seconds=3)
    pieces, _ = write(server, limits=DraftLimits(most=3, first_text=2, page=2))
    assert pieces == [OPENING, LONG[:5], LONG[5:]]


def test_while_others_wait_a_page_is_written_once_and_shown_as_it_comes() -> None:
    server = Server(OPENING + LONG)
    pieces, _ = write(server, is_crowded=lambda: True)
    assert "".join(pieces) == OPENING + LONG
    assert len(server.requests) == 1


def test_others_that_come_meanwhile_end_the_choice() -> None:
    server = Server(OPENING, LONG)
    pieces, _ = write(server, is_crowded=lambda: bool(server.requests))
    assert "".join(pieces) == OPENING + LONG
    assert len(server.requests) == 2


def test_one_draft_is_one_request() -> None:
    server = Server(OPENING + LONG)
    pieces, _ = write(server, limits=DraftLimits(most=1))
    assert "".join(pieces) == OPENING + LONG


def test_server_reads_the_prompt_once_and_is_led_by_the_words() -> None:
    server = Server(*[OPENING] * 3, *[LONG] * 3)
    write(server)
    config = server.requests[-1].config
    assert config.extensions is not None
    assert config.extensions["cache_prompt"] is True
    assert config.extensions["logit_bias"] == {"7": 1.5}
    assert config.temperature == 0.5


def test_all_drafts_tokens_are_counted_and_the_prompts_once() -> None:
    _, end = write(Server(*[OPENING] * 3, *[LONG] * 3))
    assert end.usage == lm15.Usage(input_tokens=100, output_tokens=60)


def test_page_that_runs_into_its_limit_of_tokens_says_so() -> None:
    _, end = write(Server(OPENING + LONG, cut=[0]), limits=DraftLimits(most=1))
    assert end.finish_reason == "length"


def test_paragraph_that_runs_into_its_limit_is_gone_on_with() -> None:
    cut = " He went down to the pier and looked. He saw the la"
    server = Server(OPENING, cut, LONG, cut=[1])
    pieces, end = write(server, likes("lamp", enough=True))
    assert pieces[1] == " He went down to the pier and looked."
    assert end.finish_reason == "stop"


def test_failure_of_one_draft_is_that_of_the_call() -> None:
    with pytest.raises(Carried) as raised:
        write(Server(OPENING, ModelBusy("The server is busy.", retry_after=1.0)))
    assert isinstance(raised.value.failure, ModelBusy)
