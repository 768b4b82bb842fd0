"""The program: one cycle from a locus to a page that is checked, bound and recorded."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import dspy
import pytest
from tests.program.runs import LOCUS, own_page, run
from tests.support.measured import MeasuredModel
from tests.support.replies import DEGENERATE, ONLY_CONTINUES, PLAN, continuer, is_plan, page_for, writer
from tests.support.scripted import Reply, ScriptedModel

from qdpi.canon.edition import Edition
from qdpi.errors import InvalidSymbol, ModelEmpty, ModelFailed, ModelUnreachable, TextWithdrawn, UnknownPage
from qdpi.events import Phase
from qdpi.ids import sha256
from qdpi.language.port import Capabilities
from qdpi.measures.calibration import NAMES
from qdpi.program import QDPIProgram
from qdpi.program.draft import Draft, RunInput, SilentProgress
from qdpi.search.analysis import read_text
from qdpi.search.text import whole_sentences
from qdpi.symbols import Trajectory, parse_symbol

XC, YC, AC, ZC = 0, 4, 8, 12
Make = Callable[[Callable[[str], Reply]], ScriptedModel]


class Watcher(SilentProgress):
    """Progress, kept as one list of reports."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[tuple[str, object]] = []

    async def begin(self) -> int:
        attempt = await super().begin()
        self.reports.append(("attempt", attempt))
        return attempt

    async def phase(self, phase: Phase) -> None:
        self.reports.append(("phase", phase.value))

    async def text(self, piece: str) -> None:
        self.reports.append(("text", piece))

    @property
    def steps(self) -> list[tuple[str, object]]:
        """The reports, with consecutive pieces joined."""
        steps: list[tuple[str, object]] = []
        for what, value in self.reports:
            if what == "text" and steps and steps[-1][0] == "text":
                steps[-1] = (what, f"{steps[-1][1]}{value}")
            else:
                steps.append((what, value))
        return steps


def in_turn(*replies: Reply) -> Iterator[Reply]:
    return iter(replies)


# the specification's call


def test_call_with_only_a_symbol() -> None:
    program = QDPIProgram()
    said = program(0x10)
    assert isinstance(said, dspy.Prediction)
    assert said.validation["passed"]
    assert said.edges["next_within"] == "S01-P0002"
    assert said.plan["trajectory"] == "T0"
    assert len(said.page_text.split()) >= 60
    assert said.return_to == "S01-P0002"


async def test_call_awaited_gives_the_same() -> None:
    program = QDPIProgram()
    said = await program.acall(0x1D, user_intent="where is the lamp", locus_page="S05-P0014")
    again = await program.aforward(0x1D, "where is the lamp", "S05-P0014")
    assert said.toDict() == again.toDict()
    assert said.edges["mirrors"]
    assert {source["kind"] for source in said.sources} == {"parallel"}


def test_call_with_a_wish() -> None:
    said = QDPIProgram().forward(parse_symbol("princhetta:ZC"), locus_page="S05-P0014", trajectory=Trajectory.LOOP)
    assert said.policy["given"] == "T1"
    assert said.edges["loop_back_to"] == said.return_to == "S05-P0014"


@pytest.mark.parametrize("symbol", [-1, 256])
def test_call_with_an_invalid_symbol_is_refused(symbol: int) -> None:
    with pytest.raises(InvalidSymbol):
        QDPIProgram().forward(symbol)


def test_call_with_an_unknown_page_is_refused() -> None:
    """The error names the page."""
    with pytest.raises(UnknownPage, match=r"'\.\./etc/passwd'"):
        QDPIProgram().forward(0, locus_page="../etc/passwd")


def test_program_saves_and_loads_as_json(tmp_path: object) -> None:
    path = f"{tmp_path}/program.json"
    QDPIProgram().save(path)
    loaded = QDPIProgram()
    loaded.load(path)
    assert {name for name, _ in loaded.named_predictors()} == {"ask", "receive", "continue_prose"}


# streaming


async def test_progress_pieces_join_to_the_text(edition: Edition) -> None:
    """The phases and pieces come in order, and the pieces are the page's text."""
    watcher = Watcher()
    ran = await run(edition, writer(), ZC, progress=watcher)
    assert watcher.steps == [
        ("attempt", 1),
        ("phase", "planning"),
        ("phase", "writing"),
        ("text", ran.page.text),
        ("phase", "checking"),
    ]
    assert sum(what == "text" for what, _ in watcher.reports) > 10


async def test_progress_has_no_planning_without_a_plan(edition: Edition) -> None:
    watcher = Watcher()
    await run(edition, continuer(), ZC, progress=watcher)
    assert ("phase", "planning") not in watcher.reports


# checks and the one rework


async def test_rework_not_needed(edition: Edition) -> None:
    ran = await run(edition, writer(), XC)
    assert ran.page.validation.passed
    assert not ran.page.validation.reworked
    assert len(ran.prompts) == 1


@pytest.mark.parametrize("make", [writer, continuer])
async def test_rework_gets_the_reasons(make: Make, edition: Edition) -> None:
    """A page that fails its checks is reworked once, with the reasons; a model that follows none is asked again."""
    replies, watcher = in_turn(DEGENERATE, "page"), Watcher()
    model = make(lambda prompt: page_for(prompt) if next(replies) == "page" else DEGENERATE)
    ran = await run(edition, model, XC, progress=watcher)
    first, second = ran.prompts
    assert ran.draft.refused
    if make is writer:
        assert all(reason in second and reason not in first for reason in ran.draft.refused)
    else:
        assert first == second
    assert ran.page.validation.passed
    assert ran.page.validation.reworked
    assert [step for step in watcher.steps if step[0] == "attempt"] == [("attempt", 1), ("attempt", 2)]
    assert watcher.steps[-2] == ("text", ran.page.text)


async def test_rework_that_fails_is_kept(edition: Edition) -> None:
    """A page that fails twice is kept, and its validation shows it."""
    ran = await run(edition, writer(lambda prompt: DEGENERATE), XC)
    assert len(ran.prompts) == 2
    assert ran.page.text == DEGENERATE.strip()
    assert not ran.page.validation.passed
    assert ran.page.validation.reasons
    assert ran.page.validation.reworked
    assert [call.attempt for call in ran.draft.calls] == [1, 2]


async def test_a_lecture_is_reworked_and_kept_with_its_label(edition: Edition) -> None:
    """Lecturing asks for the one rework; what lectures again is delivered, and says so."""
    lecture = f"{edition.pages[LOCUS].title}. You're right, and this is a great example of how we must all look within."
    ran = await run(edition, writer(lambda prompt: f"{page_for(prompt)} {lecture}"), XC)
    assert len(ran.prompts) == 2
    assert "It has habits of a lecture" in ran.prompts[1]
    assert not ran.page.validation.passed
    assert "lecture" in " ".join(ran.page.validation.reasons)


async def test_style_alone_asks_for_no_rework(edition: Edition) -> None:
    """A page that only lacks the voice's sound and shape is written once, passes, and has the advice on it."""
    ran = await run(edition, writer(lambda prompt: " ".join(page_for(edition.pages[LOCUS].text).split())), XC)
    assert len(ran.prompts) == 1
    assert ran.page.validation.passed
    assert ran.page.validation.style_ok is False
    assert ran.page.validation.advice


async def test_advice_goes_with_a_rework(edition: Edition) -> None:
    """A page that is sent back for another reason gets the advice on its style too."""
    ran = await run(edition, writer(lambda prompt: DEGENERATE), XC)
    advice = ran.page.validation.advice
    assert advice
    assert all(sentence in ran.prompts[1] for sentence in advice)


async def test_a_page_is_measured_by_what_was_asked(edition: Edition) -> None:
    """The reader's words, the page that it leads to and its voice are those of the run."""
    words = "a boat of green glass"
    ran = await run(edition, writer(lambda prompt: page_for(f"A boat. {edition.pages[LOCUS].text}")), XC, words=words)
    checks = {check.name: check for check in ran.page.validation.checks}
    assert checks["answers"].score is not None
    assert "leads to no page" not in checks["bridges"].reason
    assert checks["anchored"].measures["motifs"] == len(ran.brief.reading.motifs)
    assert ran.page.validation.continuity_score == checks["continuity"].score


async def test_rework_keeps_the_plan(edition: Edition) -> None:
    ran = await run(edition, writer(lambda prompt: PLAN if is_plan(prompt) else DEGENERATE), ZC)
    assert [call.phase for call in ran.draft.calls] == ["ask", "receive", "receive"]


@pytest.mark.parametrize("behavior", [XC, ZC])
async def test_check_finds_copies_of_the_canon(behavior: int, edition: Edition) -> None:
    copied = edition.pages["S13-P0041"].text
    ran = await run(edition, continuer(lambda prompt: copied), behavior)
    assert {check.name: check.passed for check in ran.page.validation.checks}["copy"] is False
    assert len(ran.prompts) == 2


async def test_check_finds_copies_of_the_locus(edition: Edition) -> None:
    locus = own_page("locus")
    ran = await run(edition, continuer(lambda prompt: locus.text), XC, pressed=locus)
    assert {check.name: check.passed for check in ran.page.validation.checks}["copy"] is False


async def test_check_names_its_thresholds(edition: Edition) -> None:
    validation = (await run(edition, writer(), XC)).page.validation
    assert validation.thresholds_version == edition.measures.calibration.version
    assert [check.name for check in validation.checks] == list(NAMES)


# what models do


@pytest.mark.parametrize("plan", ["{not json", "no " * 5_000, "1.\n\n\n2.", "As an AI, I cannot plan."])
async def test_nonsense_plan_is_harmless(plan: str, edition: Edition) -> None:
    ran = await run(edition, writer(lambda prompt: plan if is_plan(prompt) else page_for(prompt)), AC)
    assert ran.page.validation.passed
    assert ran.draft.plan is not None
    assert all(ran.draft.plan.beats)


async def test_cut_page_ends_at_a_sentence(edition: Edition) -> None:
    model = MeasuredModel(lambda prompt: page_for(prompt) + " And then she", finish_reason="length")
    ran = await run(edition, model, XC)
    assert ran.page.text == page_for(ran.prompts[0]).strip()
    assert ran.draft.calls[0].finish_reason == "length"


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        ("One is whole here. The other is n", "One is whole here."),
        ("“One is whole.” The other", "“One is whole.”"),
        ("Short. But this one never comes to an end", "Short. But this one never comes to an end"),
        ("no sentence at all", "no sentence at all"),
        ("", ""),
    ],
)
def test_whole_sentences_keep_at_least_half(cut: str, whole: str) -> None:
    assert whole_sentences(cut) == whole


async def test_page_with_an_unknown_control_token_is_reworked(edition: Edition) -> None:
    """Its reworked page passes; the same again is kept, and does not pass."""
    ends = iter(["<|muse|>", "", "<|muse|>", "<|muse|>"])
    model = writer(lambda prompt: page_for(prompt) + next(ends))
    for passes in (True, False):
        ran = await run(edition, model, XC)
        assert ran.page.validation.reworked
        assert 'contains "< |muse|>"' in ran.prompts[-1], "broken, so that it is no token of the prompt either"
        assert ran.page.validation.passed is passes


@pytest.mark.parametrize("capabilities", [Capabilities(plans=True), ONLY_CONTINUES])
async def test_known_control_tokens_are_taken_off(capabilities: Capabilities, edition: Edition) -> None:
    """Whatever kind of model sends them."""

    def reply(prompt: str) -> str:
        return f"<think>A lamp?</think><|im_start|>assistant\n{page_for(prompt)}<|im_end|>"

    ran = await run(edition, ScriptedModel(reply, capabilities=capabilities), XC)
    assert ran.page.text == page_for(ran.prompts[0]).strip()
    assert ran.page.validation.passed


async def test_withdrawn_text_is_not_kept(edition: Edition) -> None:
    """A run that is stopped after a thought was shown has no text of it."""
    model = ScriptedModel(lambda prompt: f"{page_for(prompt)}</think>", capabilities=Capabilities(plans=False))
    program, draft = QDPIProgram(edition, model), Draft()
    given = RunInput(page_id="new", symbol_code=XC, pressed=edition.pages[LOCUS], edition=edition)
    with pytest.raises(TextWithdrawn):
        await program.draft(given, program.prepare(given), draft, SilentProgress())
    assert draft.text == ""


async def test_empty_answer_fails(edition: Edition) -> None:
    with pytest.raises(ModelEmpty):
        await run(edition, writer(lambda prompt: ""), XC)


async def test_hanging_model_times_out(edition: Edition) -> None:
    async def silence() -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield "never"

    model = writer(lambda prompt: silence())
    program = QDPIProgram(edition, model, timeout=0.05)
    with pytest.raises(ModelFailed, match=r"0\.05 seconds"):
        await program.aforward(0)


async def test_retry_continues_with_the_failed_step(edition: Edition) -> None:
    replies = in_turn(PLAN, ModelUnreachable("It does not answer."), DEGENERATE, ModelUnreachable("Again."), "page")

    def reply(prompt: str) -> Reply:
        said = next(replies)
        return page_for(edition.pages[LOCUS].text) if said == "page" else said

    model = writer(reply)
    program, draft = QDPIProgram(edition, model), Draft()
    given = RunInput(page_id="new", symbol_code=0x1C, pressed=edition.pages[LOCUS], edition=edition)
    brief, progress = program.prepare(given), SilentProgress()
    for _ in range(2):
        with pytest.raises(ModelUnreachable):
            await program.draft(given, brief, draft, progress)
    await program.draft(given, brief, draft, progress)
    page = program.finish(given, brief, draft)
    assert [is_plan(prompt) for prompt in model.prompts] == [True, False, False, False, False]
    assert all(reason in model.prompts[-1] for reason in draft.refused)
    assert page.validation.passed
    assert page.validation.reworked
    assert draft.attempts == 4


# receipts


async def test_model_call_has_hashes_tokens_and_time(edition: Edition) -> None:
    model = MeasuredModel(page_for, prompt_tokens=321, completion_tokens=123)
    ran = await run(edition, model, XC)
    (call,) = ran.draft.calls
    assert call.output_hash == sha256(ran.page.text)
    assert (call.prompt_tokens, call.completion_tokens) == (321, 123)
    assert (call.phase, call.attempt, call.model, call.finish_reason) == ("receive", 1, "measured", "stop")
    assert call.milliseconds >= 0
    assert set(ran.draft.milliseconds) == {"receive", "check"}


async def test_prompt_hashes(edition: Edition) -> None:
    """Equal prompts have equal hashes, and different prompts different ones."""
    first, again, other = [(await run(edition, writer(), b)).draft.calls[-1] for b in (XC, XC, YC)]
    assert first.prompt_hash == again.prompt_hash != other.prompt_hash
    assert len(first.prompt_hash) == 64


async def test_sources_name_passage_and_search(edition: Edition) -> None:
    ran = await run(edition, writer(), AC)
    for source in ran.brief.sources:
        assert source.use.passage in " ".join(source.text.split())
        assert source.use.passage in " ".join(ran.prompts[-1].split()), "it is what was shown, word for word"
        assert source.use.via
        assert source.use.revision == 1
        assert source.use.page_id != LOCUS


async def test_sources_of_words_are_searched_by_meaning(edition: Edition, semantic: Edition) -> None:
    words = "who looks after the timepieces"
    plain, meant = [(await run(e, writer(), 10, words=words)).brief.sources for e in (edition, semantic)]
    assert {via for source in plain for via in source.use.via} <= {"lexical", "ring", "newest"}
    assert "semantic" in {via for source in meant for via in source.use.via}


# readings


async def test_reading_of_a_canon_page_is_the_stored_one(edition: Edition) -> None:
    ran = await run(edition, writer(), XC)
    assert ran.brief.reading is edition.readings[LOCUS]
    assert ran.brief.kept


async def test_reading_of_a_generated_locus(edition: Edition) -> None:
    """It is computed only where none is stored."""
    ran = await run(edition, writer(), XC, pressed=own_page("locus"))
    assert ran.brief.reading == read_text(ran.brief.locus.text)
    assert not ran.brief.kept


async def test_extract_gives_the_signatures_fields(edition: Edition) -> None:
    program, reading = QDPIProgram(edition, writer()), edition.readings[LOCUS]
    x, y = program.read(reading=reading), program.index(reading=reading)
    assert x.toDict() == {"summary": reading.summary, "hooks": reading.hooks}
    assert set(y.toDict()) == {"entities", "motifs", "anchors", "scores"}


async def test_reading_of_the_new_page(edition: Edition) -> None:
    ran = await run(edition, writer(), XC)
    assert ran.page.reading == read_text(ran.page.text)
