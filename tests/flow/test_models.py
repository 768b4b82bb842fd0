"""Failing models: bounded attempts, then a failed outcome in order and one dead letter."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.flow.conftest import Working
from tests.support.replies import PLAN, breaking_off, continuer, is_plan, page_for, writer
from tests.support.scripted import Reply, ScriptedModel

from qdpi.errors import ModelBusy, ModelDeclined, ModelFailed, ModelRefused, ModelUnreachable
from qdpi.events import DeadLetter, PageDelta, PageDone, PageFailed, PageRequest, Phase
from qdpi.language.port import Capabilities
from qdpi.retry import Backoff

LOCUS = "S05-P0014"
UNREACHABLE = ModelUnreachable("The model does not answer.")
BRISK = Backoff(first=0.001, most=0.002)


async def silence() -> AsyncIterator[str]:
    await asyncio.Event().wait()
    yield "never"


async def test_model_that_recovers_writes_the_page(tmp_path: Path, working: Working) -> None:
    """A model that recovers in time writes the page, and the receipt has its attempts."""
    replies = iter([UNREACHABLE, UNREACHABLE])
    model = writer(lambda prompt: next(replies, None) or page_for(prompt))
    async with asyncio.timeout(60), working(tmp_path, model, backoff=BRISK, model_retries=2) as flow:
        outcome = await flow.press("s", "london-fox:XC", LOCUS)
    assert isinstance(outcome.event, PageDone)
    assert (outcome.event.attempt, outcome.receipt.attempts) == (3, 3)
    assert outcome.receipt.failures == (UNREACHABLE.detail, UNREACHABLE.detail)


async def test_prompt_has_the_written_pages_on_the_way(tmp_path: Path, working: Working) -> None:
    """At the third page of a branch: the first of its way, and the end of the second."""
    model = writer()
    async with asyncio.timeout(60), working(tmp_path, model) as flow:
        pages, locus = [], LOCUS
        for symbol in ("london-fox:XC", "princhetta:XC", "london-fox:XC"):
            outcome = await flow.press("s", symbol, locus)
            assert outcome.page is not None
            pages.append(outcome.page)
            locus = outcome.page.page_id
        await flow.press("s", "an-author:XC", locus)
    prompt = model.prompts[-1]
    assert " ".join(pages[0].text.split()[:8]) in prompt
    assert " ".join(pages[1].text.split()[-8:]) in prompt
    assert pages[2].text.splitlines()[0] in prompt


async def test_model_outage_fails_one_press_only(tmp_path: Path, working: Working) -> None:
    """A lasting outage of the model fails the press once, and the next one is answered."""
    replies = iter([UNREACHABLE] * 3)
    model = writer(lambda prompt: next(replies, None) or page_for(prompt))
    async with asyncio.timeout(60), working(tmp_path, model, backoff=BRISK, model_retries=2) as flow:
        failed = await flow.press("s", "london-fox:XC", LOCUS)
        assert len(model.prompts) == 3
        done = await flow.press("s", "london-fox:XC", LOCUS)
        await flow.published.until(DeadLetter)
    assert isinstance(failed.event, PageFailed)
    assert (failed.event.error.code, failed.event.error.detail) == ("model_unreachable", UNREACHABLE.detail)
    assert (failed.seq, failed.event.attempt, failed.page) == (1, 3, None)
    assert len(failed.receipt.failures) == 3
    assert (done.seq, done.state.failures, done.state.pages) == (2, 1, 1)


async def test_model_failure_dead_letter_has_the_original_record(tmp_path: Path, working: Working) -> None:
    """The dead letter has the original bytes, key and headers."""
    model = writer(lambda prompt: UNREACHABLE)
    async with asyncio.timeout(60), working(tmp_path, model, backoff=BRISK, model_retries=1) as flow:
        failed = await flow.press("s", "london-fox:XC", LOCUS, words="with words")
        (letter,) = await flow.published.until(DeadLetter)
        (request,) = [record for record in flow.published.records if record.topic == PageRequest.topic]
    key, value, headers = letter.original()
    assert (key, value) == (request.key, request.value)
    assert dict(headers).items() <= dict(request.headers).items()
    assert dict(request.headers).keys() - dict(headers).keys() <= {"traceparent"}
    assert (letter.source_topic, letter.group, letter.attempts) == (PageRequest.topic, "qdpi.page_generator", 2)
    assert letter.error == failed.event.error  # type: ignore[union-attr]
    assert (letter.session_id, letter.press_id) == ("s", failed.event.press_id)


async def test_model_failure_is_not_run_again_on_redelivery(tmp_path: Path, working: Working) -> None:
    """A redelivered failure is not run again, and its dead letter is the same."""
    model = writer(lambda prompt: UNREACHABLE)
    async with asyncio.timeout(60), working(tmp_path, model, backoff=BRISK, model_retries=0) as flow:
        press = flow.press_event("s", "london-fox:XC", LOCUS)
        await flow.send(press)
        await flow.send(press)
        first, second = await flow.published.until(DeadLetter, count=2)
    assert first == second
    assert len(model.prompts) == 1


async def test_model_that_dies_starts_the_text_over(tmp_path: Path, working: Working) -> None:
    """A model that fails in mid-sentence starts the text over."""
    replies = iter([True])

    def reply(prompt: str) -> Reply:
        return breaking_off(page_for(prompt), UNREACHABLE) if next(replies, False) else page_for(prompt)

    async with asyncio.timeout(60), working(tmp_path, writer(reply), backoff=BRISK) as flow:
        outcome = await flow.press("s", "london-fox:XC", LOCUS)
        deltas = flow.published.all(PageDelta)
    assert outcome.page is not None
    texts: dict[int, str] = {}
    for delta in deltas:
        text = texts.get(delta.attempt, "")
        assert delta.offset == len(text)
        texts[delta.attempt] = text + delta.text
    assert list(texts) == [1, 2]
    assert texts[2] == outcome.page.text
    assert 0 < len(texts[1]) < len(texts[2])
    assert texts[2].startswith(texts[1])


async def test_thought_that_was_shown_starts_the_text_over(tmp_path: Path, working: Working) -> None:
    """A thought without a beginning that does not read as one: the attempt fails, the next shows only the page."""

    def reply(prompt: str) -> Reply:
        return f"{page_for(prompt[::-1])}\n</think>\n\n{page_for(prompt)}"

    model = ScriptedModel(reply, capabilities=Capabilities(plans=False))
    async with asyncio.timeout(60), working(tmp_path, model, backoff=BRISK, model_retries=2) as flow:
        outcome = await flow.press("s", "london-fox:XC", LOCUS)
        again = await flow.press("s", "london-fox:XC", LOCUS)
        deltas = flow.published.all(PageDelta)
    assert outcome.page is not None
    assert again.page is not None
    assert (outcome.receipt.attempts, again.receipt.attempts) == (2, 1)
    assert "</think>" in outcome.receipt.failures[0]
    for written, attempt in ((outcome, 2), (again, 1)):
        own = [delta for delta in deltas if delta.request_id == written.request_id and delta.attempt == attempt]
        assert written.page is not None
        assert "".join(delta.text for delta in own) == written.page.text == page_for(model.prompts[attempt - 1])


async def test_model_output_is_paced(tmp_path: Path, working: Working) -> None:
    async def word_by_word(page: str) -> AsyncIterator[str]:
        beginning, _, rest = page.partition(". ")
        yield beginning + ". "
        for sentence in rest.split(". "):
            await asyncio.sleep(0.06)  # longer than the pace that is not set
            yield sentence + ". "

    model = continuer(lambda prompt: word_by_word(page_for(prompt)))
    async with asyncio.timeout(60), working(tmp_path, model, delta_pace=60.0) as flow:
        outcome = await flow.press("s", "london-fox:XC", LOCUS)
        pieces = [delta.text for delta in flow.published.all(PageDelta) if delta.text]
    assert outcome.page is not None
    assert outcome.page.text.count(". ") > 2
    assert len(pieces) <= 2


@pytest.mark.parametrize("nothing", ["", "   \n ", "<think>only thoughts</think>"])
async def test_model_without_output_fails_the_press(nothing: str, tmp_path: Path, working: Working) -> None:
    """A model without output fails the press."""
    model = writer(lambda prompt: nothing)
    async with asyncio.timeout(60), working(tmp_path, model, backoff=BRISK, model_retries=1) as flow:
        outcome = await flow.press("s", "london-fox:XC", LOCUS)
    assert isinstance(outcome.event, PageFailed)
    assert outcome.event.error.code == "model_empty"
    assert len(model.prompts) == 2


async def test_model_timeout_fails_the_press(tmp_path: Path, working: Working) -> None:
    """A model that hangs fails the press."""
    model = writer(lambda prompt: silence())
    async with (
        asyncio.timeout(60),
        working(tmp_path, model, backoff=BRISK, model_retries=0, model_timeout=0.1) as flow,
    ):
        outcome = await flow.press("s", "london-fox:XC", LOCUS)
    assert isinstance(outcome.event, PageFailed)
    assert outcome.event.error.code == "model_timeout"


@pytest.mark.parametrize(
    ("failure", "calls"),
    [
        (ModelRefused("HTTP 401: wrong key."), 1),
        (ModelDeclined("The model refused."), 1),
        (ModelUnreachable("It broke off."), 3),
    ],
)
async def test_only_failures_that_may_pass_are_tried_again(
    failure: ModelFailed, calls: int, tmp_path: Path, working: Working
) -> None:
    model = writer(lambda prompt: failure)
    async with asyncio.timeout(60), working(tmp_path, model, backoff=BRISK, model_retries=2) as flow:
        outcome = await flow.press("s", "london-fox:XC", LOCUS)
    assert isinstance(outcome.event, PageFailed)
    assert (outcome.event.error.code, outcome.event.error.detail) == (failure.code, failure.detail)
    assert len(model.prompts) == calls


async def test_press_waits_for_a_busy_server_and_says_until_when(tmp_path: Path, working: Working) -> None:
    """The wait takes none of the retries."""
    replies = iter([ModelBusy("It is loading.", retry_after=0.05)] * 4)
    model = writer(lambda prompt: next(replies, None) or page_for(prompt))
    async with asyncio.timeout(60), working(tmp_path, model, backoff=BRISK, model_retries=0) as flow:
        outcome = await flow.press("s", "london-fox:XC", LOCUS)
        waits = [delta for delta in flow.published.all(PageDelta) if delta.phase is Phase.WAITING]
    assert isinstance(outcome.event, PageDone)
    assert outcome.receipt.failures == ("It is loading.",) * 4
    assert waits
    assert all(delta.until and delta.until > delta.ts - timedelta(seconds=1) for delta in waits)


async def test_wait_for_a_busy_server_ends(tmp_path: Path, working: Working) -> None:
    """After QDPI_MODEL_WAIT the press fails with the server's words; it was asked once more at the end."""
    model = writer(lambda prompt: ModelBusy("HTTP 429: slow down.", retry_after=3_600.0))
    async with asyncio.timeout(60), working(tmp_path, model, backoff=BRISK, model_wait=0.2) as flow:
        outcome = await flow.press("s", "london-fox:XC", LOCUS)
    assert isinstance(outcome.event, PageFailed)
    assert (outcome.event.error.code, outcome.event.error.detail) == ("model_busy", "HTTP 429: slow down.")
    assert len(model.prompts) == 2


async def test_press_that_waits_can_be_stopped(tmp_path: Path, working: Working) -> None:
    model = writer(lambda prompt: ModelBusy("It is loading.", retry_after=3_600.0))
    async with asyncio.timeout(60), working(tmp_path, model, model_wait=3_600) as flow:
        press = flow.press_event("s", "london-fox:XC", LOCUS)
        await flow.send(press)
        await flow.published.until(PageDelta, lambda delta: delta.phase is Phase.WAITING)
        await flow.stop("s", press.event_id)
        (failed,) = await flow.published.until(PageFailed)
    assert failed.error.code == "stopped"


async def test_plan_is_reused_by_a_retry(tmp_path: Path, working: Working) -> None:
    """The plan of a failed attempt is reused by the next one."""
    replies = iter([UNREACHABLE])

    def reply(prompt: str) -> Reply:
        return PLAN if is_plan(prompt) else (next(replies, None) or page_for(prompt))

    model = writer(reply)
    async with asyncio.timeout(60), working(tmp_path, model, backoff=BRISK) as flow:
        outcome = await flow.press("s", "london-fox:AC", LOCUS)
    assert [is_plan(prompt) for prompt in model.prompts] == [True, False, False]
    assert [call.attempt for call in outcome.receipt.calls] == [1, 2]


async def test_page_that_fails_its_checks_is_committed(tmp_path: Path, working: Working) -> None:
    """A page that fails its checks is committed, with its failed validation."""
    async with asyncio.timeout(60), working(tmp_path, writer(lambda prompt: "the lamp " * 120)) as flow:
        outcome = await flow.press("s", "london-fox:XC", LOCUS)
    assert isinstance(outcome.event, PageDone)
    assert outcome.event.status == "complete"
    assert outcome.event.validation.passed is False
    assert outcome.event.validation.reasons
    assert outcome.event.validation.reworked
    assert outcome.page is not None
    assert outcome.page.validation == outcome.receipt.validation == outcome.event.validation


async def test_unexpected_error_fails_the_press(tmp_path: Path, working: Working) -> None:
    def reply(prompt: str) -> Reply:
        raise ZeroDivisionError

    model = writer(reply)
    async with asyncio.timeout(60), working(tmp_path, model, backoff=BRISK, model_retries=0) as flow:
        outcome = await flow.press("s", "london-fox:XC", LOCUS)
        after = await flow.press("s", "london-fox:XC", "S99-P9999")
        await flow.published.until(DeadLetter)
    assert isinstance(outcome.event, PageFailed)
    assert (outcome.seq, after.seq) == (1, 2)
    assert "ZeroDivisionError" not in outcome.event.error.next_step


async def test_offline_writer_labels_every_page(tmp_path: Path, working: Working) -> None:
    """The offline writer names itself on every page."""
    async with asyncio.timeout(60), working(tmp_path) as flow:
        outcome = await flow.press("s", "london-fox:XC", LOCUS)
    assert outcome.page is not None
    assert isinstance(outcome.event, PageDone)
    labels = (outcome.event.model, outcome.page.model, outcome.page.author, outcome.receipt.model)
    assert set(labels) == {"offline"}
