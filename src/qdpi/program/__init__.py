"""The run of the four phases, X, Y, A, Z, as a DSPy program.

A run is prepared (X and Y of the locus, the policy's verdict, the sources), drafted (A and Z: at most two model
calls, and one rework), and finished (checked and bound). Only `draft` is asynchronous.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import dspy

from qdpi.canon.edition import Edition
from qdpi.canon.voice_cards import VoiceCards
from qdpi.canon.voice_words import VoiceWords
from qdpi.errors import TextWithdrawn, UnknownPage
from qdpi.events import Phase, PressInput
from qdpi.ids import sha256
from qdpi.language.answer import Habits
from qdpi.language.completion import Completion, complete
from qdpi.language.outside import OutsideModel
from qdpi.language.port import Guide, LanguageModel, Usage
from qdpi.language.prose import ProseAdapter, answered
from qdpi.measures.measures import Measures
from qdpi.measures.verdict import Planned, Subject
from qdpi.page_schema import ModelCall, ProgramFile, Reading, Validation
from qdpi.pipeline_signatures import (
    AskSignature,
    ContinueSignature,
    IndexSignature,
    ReadSignature,
    ReceiveSignature,
)
from qdpi.policy import LIMITS, PolicyLimits, decide, situation_of
from qdpi.policy.placement import bind, standing_of
from qdpi.program.brief import Brief, find_sources, passage_words, question_of, record_of, target_page, target_sections
from qdpi.program.cues import call_config, cue_of, demo_turns, leading_words
from qdpi.program.dials import Dials, dials_of
from qdpi.program.draft import Draft, FinishedPage, RunInput, RunProgress, SilentProgress
from qdpi.program.guide import guide_to
from qdpi.program.plan import PagePlan, read_plan
from qdpi.program.prompts import page_inputs, plan_inputs
from qdpi.program.saved import SIGNATURES, SavedProgram
from qdpi.search.analysis import read_text
from qdpi.search.text import whole_sentences
from qdpi.symbols import (
    CHARACTER_NAMES,
    TRAJECTORY_SENTENCES,
    Provenance,
    Source,
    Trajectory,
    decode_symbol,
    profile_of,
)

_DIALS: Final = "dials"
_SHARED: Final = frozenset({"_edition", "_model", "_own_model", "_habits", "_on_prompt", "_run"})
"""What copies of a program have in common."""
_READER_SOURCES: Final = frozenset({Source.VAULT, Source.JOURNEY})
STOPPED: Final = "stopped"
"""The `finish_reason` of a call that was cancelled by its reader's stop."""

OnPrompt = Callable[[str, Sequence[Mapping[str, str]]], None]
"""Called with the phase and the messages of a call, before it."""


class Extract(dspy.Module):
    """X or Y without a model: the output fields of its signature, taken from a page's reading."""

    def __init__(self, signature: type[dspy.Signature]) -> None:
        super().__init__()
        self.signature = signature

    def forward(self, *, reading: Reading) -> dspy.Prediction:
        """Return a prediction with the signature's output fields."""
        return dspy.Prediction(**{name: getattr(reading, name) for name in self.signature.output_fields})


class QDPIProgram(dspy.Module):
    """Reads a locus, indexes it, asks for a plan and receives a page.

    The default edition is the short book of the package, the default model the offline writer. `timeout` is that of
    one model call, in seconds. `dials` turn the page of a model that continues prose, `limits` are the policy's.
    `on_prompt` is called with the phase and the messages of each call, before it. `run` is what `forward` awaits a
    cycle with.

    Called as a DSPy module it is fit for optimisers: it adds its calls to DSPy's trace, and an LM that is bound from
    outside (`dspy.context(lm=…)`, `set_lm`) gets the calls in the place of its model.
    """

    def __init__(
        self,
        edition: Edition | None = None,
        model: LanguageModel | None = None,
        *,
        timeout: float = 120.0,
        dials: Dials | None = None,
        limits: PolicyLimits = LIMITS,
        on_prompt: OnPrompt | None = None,
        run: Callable[[Coroutine[Any, Any, dspy.Prediction]], dspy.Prediction] = asyncio.run,
    ) -> None:
        super().__init__()
        self.read = Extract(ReadSignature)
        self.index = Extract(IndexSignature)
        self.ask = dspy.Predict(AskSignature)
        self.receive = dspy.Predict(ReceiveSignature)
        self.continue_prose = dspy.Predict(ContinueSignature)
        self._edition, self._timeout, self._on_prompt, self._run = edition, timeout, on_prompt, run
        self.dials = dials or Dials()
        self.saved: ProgramFile | None = None
        self._own_model = model
        self._model = model or _offline_writer()
        self._habits = Habits()
        self.limits = limits

    @property
    def model(self) -> LanguageModel:
        """The model that writes."""
        return self._model

    @property
    def edition(self) -> Edition | None:
        """The edition that a call reads; None for that of the package, before the first one."""
        return self._edition

    @property
    def reads_path(self) -> bool:
        """Whether a page's prompt has the pages on the way to it (`RunInput.path`)."""
        return self._model.capabilities.plans

    def __deepcopy__(self, memo: dict[int, Any]) -> QDPIProgram:
        """Return a program whose predictors are copies; book and model are shared: an optimiser makes many programs."""
        copied = object.__new__(type(self))
        memo[id(self)] = copied
        for name, value in self.__dict__.items():
            setattr(copied, name, value if name in _SHARED else copy.deepcopy(value, memo))
        return copied

    def take(self, saved: SavedProgram) -> QDPIProgram:
        """Take a saved program's instructions, demos and dials over, and return this program, which is it now."""
        for name, signature in SIGNATURES.items():
            predictor, learnt = getattr(self, name), saved.predictors.get(name)
            instructions = learnt.instructions if learnt else None
            predictor.signature = signature.with_instructions(instructions) if instructions else signature
            predictor.demos = [dict(demo) for demo in learnt.demos] if learnt else []
        self.dials, self.saved = saved.dials, saved.file
        return self

    def dump_state(self, json_mode: bool = True) -> dict[str, Any]:
        """Return what an optimiser may change: the predictors and the dials."""
        return {**super().dump_state(json_mode=json_mode), _DIALS: self.dials.as_dict()}

    def load_state(self, state: dict[str, Any], *, allow_unsafe_lm_state: bool = False) -> None:
        """Take a state over; dials that it does not name have their defaults. Raises `InvalidInput`."""
        dials = dials_of(state.get(_DIALS, {}))  # refused before anything is changed
        super().load_state(state, allow_unsafe_lm_state=allow_unsafe_lm_state)
        self.dials = dials

    def forward(
        self, symbol_code: int, user_intent: str = "", locus_page: str | None = None, **options: Any
    ) -> dspy.Prediction:
        """Run one cycle on a new journey; see `aforward`. Must not be called within an event loop."""
        return self._run(self.aforward(symbol_code, user_intent, locus_page, **options))

    async def aforward(
        self,
        symbol_code: int,
        user_intent: str = "",
        locus_page: str | None = None,
        *,
        trajectory: Trajectory | None = None,
        progress: RunProgress | None = None,
    ) -> dspy.Prediction:
        """Run one cycle on a new journey, at a canon page, by default the first of the ring.

        Returns a prediction with `plan`, `page_text`, `edges`, `validation`, `policy`, `sources`, `title`,
        `return_to`. Raises `InvalidSymbol`, `UnknownPage`, `ModelFailed`.
        """
        edition = await self._loaded_edition()
        pressed = edition.pages.get(locus_page or edition.ring.first)
        if pressed is None:
            raise UnknownPage(f"{str(locus_page)[:80]!r} is not a page of {edition.revision.title!r}.")
        run = RunInput(
            page_id="page",
            symbol_code=symbol_code,
            pressed=pressed,
            edition=edition,
            asked=PressInput(user_intent=user_intent, trajectory=trajectory),
        )
        brief = self.prepare(run)
        draft = Draft(trace=dspy.settings.trace)
        await self._with_outside_lm().draft(run, brief, draft, progress or SilentProgress())
        page = self.finish(run, brief, draft)
        return dspy.Prediction(
            plan=record_of(draft.plan, brief),
            page_text=page.text,
            edges=page.binding.edges.model_dump(mode="json"),
            validation=page.validation.model_dump(mode="json"),
            policy=brief.verdict.model_dump(mode="json"),
            sources=[source.use.model_dump(mode="json") for source in brief.sources],
            title=page.title,
            return_to=page.binding.return_to,
        )

    def _with_outside_lm(self) -> QDPIProgram:
        """Return this program, its predictors included, over the LM that is bound from outside; itself without one."""
        own = next((predictor.lm for predictor in self.predictors() if predictor.lm is not None), None)
        lm = own or dspy.settings.lm
        if lm is None:
            return self
        bound = copy.copy(self)
        bound.__dict__["_model"] = OutsideModel(lm, self._own_model)
        return bound

    async def _loaded_edition(self) -> Edition:
        if self._edition is None:
            self._edition = await asyncio.to_thread(_default_edition)
        return self._edition

    def prepare(self, run: RunInput) -> Brief:
        """X, Y and the first half of A: read the locus, ask the policy, find the sources."""
        profile, edition, asked = profile_of(run.symbol_code), run.edition, run.asked
        standing = standing_of(run.pressed, edition.ring, run.state.branches)
        locus = run.pressed if standing.locus == run.pressed.page_id else edition.pages[standing.locus]
        kept = edition.readings.get(locus.page_id) if locus.is_canon else run.kept
        reading = kept or read_text(locus.text)
        situation = situation_of(run.state, standing, reading)
        verdict = decide(
            profile, situation, wish=asked.wish, words=asked.words, section=standing.section, limits=self.limits
        )
        question = question_of(profile, reading, asked.words)
        target = _target(run, profile.provenance, verdict.given, standing.section, question)
        destination = {Trajectory.FORK: target, Trajectory.LOOP: standing.return_to}.get(verdict.given)
        return Brief(
            profile=profile,
            standing=standing,
            locus=locus,
            reading=reading,
            kept=kept is not None,
            verdict=verdict,
            asked=asked,
            question=question,
            sources=find_sources(
                edition,
                profile,
                standing,
                question,
                target,
                run.reader_pages,
                asked.words,
                passage_words(profile, self._model.capabilities),
            ),
            target=target,
            destination=edition.pages[destination] if destination else None,
        )

    async def draft(self, run: RunInput, brief: Brief, draft: Draft, progress: RunProgress) -> None:
        """The second half of A, and Z: plan where profile and model plan, write, and rework once at most.

        Fills the draft step by step: a stopped run keeps its text so far, and a retry after `ModelFailed`
        continues with the step that failed.
        """
        if self._model.capabilities.plans:
            await _learn(run.edition.cards)
        while draft.validation is None:
            draft.attempts = await progress.begin()
            if draft.plan is None:
                draft.plan = await self._plan(run, brief, draft, progress)
            draft.text = await self._write(run, brief, draft, progress)
            await progress.phase(Phase.CHECKING)
            await self.learn(run)
            validation = self._timed("check", draft, lambda: self.check(run, brief, draft.text, draft.plan))
            if validation.passed or draft.refused:
                draft.validation = validation
            else:
                draft.refused, draft.refused_text = (*validation.reasons, *validation.advice), draft.text

    async def learn(self, run: RunInput) -> None:
        """Learn what pages are measured against, at the first page of an edition."""
        await _learn(run.edition.measures)

    def finish(self, run: RunInput, brief: Brief, draft: Draft) -> FinishedPage:
        """Check the text where a stop prevented it, read the new page, and bind it."""
        binding = bind(
            run.page_id,
            brief.standing,
            brief.verdict.given,
            run.edition.ring,
            target=brief.target,
            mirror=brief.mirror,
        )
        validation = draft.validation or self.check(run, brief, draft.text, draft.plan)
        titled = brief.target if binding.edges.forks or brief.verdict.given is Trajectory.DRIFT else None
        return FinishedPage(
            text=draft.text,
            title=run.edition.pages[titled or run.edition.ring.resolve(brief.standing.anchor)].title,
            reading=read_text(draft.text),
            binding=binding,
            validation=validation.model_copy(update={"reworked": draft.reworked}),
        )

    def check(self, run: RunInput, brief: Brief, text: str, plan: PagePlan | None = None) -> Validation:
        """Measure a text against the book, its locus, its sources, what was asked and what was planned."""
        return run.edition.measures.validate(subject_of(run, brief, text, plan))

    async def _plan(self, run: RunInput, brief: Brief, draft: Draft, progress: RunProgress) -> PagePlan:
        if not (brief.profile.plans and self._model.capabilities.plans):
            return PagePlan()
        await progress.phase(Phase.PLANNING)
        indexed = {**self.read(reading=brief.reading).toDict(), **self.index(reading=brief.reading).toDict()}
        inputs = plan_inputs(run, brief, indexed, self._model.capabilities.prompt_tokens)
        said = await self._call("ask", self.ask, inputs, draft)
        return read_plan(said, [source.use.page_id for source in brief.sources])

    async def _write(self, run: RunInput, brief: Brief, draft: Draft, progress: RunProgress) -> str:
        await progress.phase(Phase.WRITING)
        pieces: list[str] = []
        earlier = draft.text, draft.reworked

        async def take(piece: str) -> None:
            # The earlier draft is kept until the first piece of the new one, for a stop between the two.
            pieces.append(piece)
            draft.text, draft.reworked = "".join(pieces), bool(draft.refused)
            await progress.text(piece)

        try:
            if self._model.capabilities.plans:
                plan = draft.plan or PagePlan()
                inputs = page_inputs(run, brief, plan, draft, self._model.capabilities.prompt_tokens)
                return await self._call("receive", self.receive, inputs, draft, take)
            await _learn(run.edition.voice_words)
            guide = await self._guide(run, brief) if self._model.capabilities.is_led else None
            inputs = self._continue_inputs(run, brief)
            return await self._call("receive", self.continue_prose, inputs, draft, take, guide)
        except TextWithdrawn:
            draft.text, draft.reworked = earlier  # a stop must not keep what was no page
            raise

    async def _call(
        self,
        phase: str,
        predict: dspy.Predict,
        inputs: Mapping[str, Any],
        draft: Draft,
        on_text: Callable[[str], Awaitable[None]] | None = None,
        guide: Guide | None = None,
    ) -> str:
        clock, timeout, habits = asyncio.get_running_loop().time, self._timeout, self._habits
        began, pieces = clock(), list[str]()
        messages = _messages(predict, inputs)
        if self._on_prompt is not None:
            self._on_prompt(phase, messages)

        async def take(piece: str) -> None:
            pieces.append(piece)
            if on_text is not None:
                await on_text(piece)

        def record(answer: Completion) -> str:
            return self._record_call(phase, draft, json.dumps(messages), answer, (clock() - began) * 1000)

        try:
            receive = take if on_text is not None else None  # a text that nobody is shown can be held back whole
            answer = await complete(
                self._model,
                predict,
                inputs,
                on_text=receive,
                timeout=timeout,
                habits=habits,
                guide=guide,
                trace=draft.trace,
            )
            return record(answer)
        except asyncio.CancelledError:
            # The receipt of a stopped page also lists the call that was cancelled.
            record(Completion("".join(pieces), Usage(None, None), STOPPED))
            raise

    def _record_call(self, phase: str, draft: Draft, prompt: str, answer: Completion, milliseconds: float) -> str:
        text = whole_sentences(answer.text) if answer.finish_reason == "length" else answer.text.strip()
        draft.milliseconds[phase] = round(draft.milliseconds.get(phase, 0.0) + milliseconds, 3)
        draft.calls.append(
            ModelCall(
                phase=phase,
                attempt=draft.attempts,
                model=self._model.name,
                prompt_hash=sha256(prompt),
                output_hash=sha256(text),
                prompt_tokens=answer.usage.prompt_tokens,
                completion_tokens=answer.usage.completion_tokens,
                finish_reason=answer.finish_reason,
                milliseconds=round(milliseconds, 3),
            )
        )
        return text

    def _timed(self, phase: str, draft: Draft, work: Callable[[], Validation]) -> Validation:
        clock = asyncio.get_running_loop().time
        began = clock()
        result = work()
        draft.milliseconds[phase] = round(draft.milliseconds.get(phase, 0.0) + (clock() - began) * 1000, 3)
        return result

    async def _guide(self, run: RunInput, brief: Brief) -> Guide:
        edition, character = run.edition, decode_symbol(run.symbol_code)[0]
        await _learn(edition.cards)
        await _learn(edition.measures)
        led = leading_words(edition, character, brief, self.dials)
        return guide_to(edition, character, led, subject_of(run, brief, ""))

    def _continue_inputs(self, run: RunInput, brief: Brief) -> dict[str, Any]:
        character, own = decode_symbol(run.symbol_code)[0], self.continue_prose
        signature = _continuing(own.signature, CHARACTER_NAMES[character], brief.verdict.given)
        return {
            "cue": cue_of(brief),
            "demos": answered(own.signature, own.demos) or demo_turns(run.edition, character, brief, self.dials),
            "signature": signature,
            **call_config(self.dials),
        }


@lru_cache(maxsize=4 * len(CHARACTER_NAMES) * len(Trajectory))
def _continuing(signature: type[dspy.Signature], name: str, given: Trajectory) -> type[dspy.Signature]:
    # Creating a signature costs more than a whole page of the offline writer.
    said = (
        f"You are {name}, a voice of a novel. You continue its prose, and only its prose. {TRAJECTORY_SENTENCES[given]}"
    )
    is_taught = signature.instructions != ContinueSignature.instructions
    made: type[dspy.Signature] = signature.with_instructions(
        f"{signature.instructions}\n\n{said}" if is_taught else said
    )
    return made


def subject_of(run: RunInput, brief: Brief, text: str, plan: PagePlan | None = None) -> Subject:
    """Return a text as the page of a run that is to be measured."""
    own = [source.text for source in brief.sources if source.use.kind in _READER_SOURCES]
    parallel = [source.text for source in brief.sources if source.use.kind == Source.PARALLEL]
    target = [run.edition.pages[brief.target].text] if brief.target else []
    destination = [brief.destination.text] if brief.destination else []
    following = run.edition.ring.after(run.edition.ring.resolve(brief.standing.anchor))
    continues = brief.verdict.given is Trajectory.CONTINUE
    return Subject(
        text=text,
        voice=decode_symbol(run.symbol_code)[0],
        locus=brief.locus.text,
        locus_id=brief.locus.page_id,
        motifs=brief.reading.motifs,
        leads_to=following if continues else brief.destination.page_id if brief.destination else None,
        matter=(*own, *parallel, *target, *destination),
        asked=brief.asked.words,
        shown=tuple(own if brief.locus.is_canon else [brief.locus.text, *own]),
        planned=_planned(plan, brief) if plan and plan != PagePlan() else None,
    )


def _target(run: RunInput, provenance: Provenance, given: Trajectory, section: int, question: str) -> str | None:
    if given not in {Trajectory.FORK, Trajectory.DRIFT} and provenance is not Provenance.PARALLEL:
        return None
    profile = profile_of(run.symbol_code)
    sections = target_sections(profile, decode_symbol(run.symbol_code)[0], section, run.asked.words)
    return target_page(run.edition, sections, question)


def _planned(plan: PagePlan, brief: Brief) -> Planned:
    shown = {source.use.page_id: source.passage for source in brief.sources}
    return Planned(
        beats=plan.beats,
        answers=plan.answers,
        edges=plan.edges,
        uses=tuple(shown[page_id] for page_id in plan.uses if page_id in shown),
    )


def _messages(predict: dspy.Predict, inputs: Mapping[str, Any]) -> list[dict[str, str]]:
    values = dict(inputs)
    signature = values.pop("signature", predict.signature)
    demos = values.pop("demos", predict.demos)
    return ProseAdapter().format(signature, demos, values)


async def _learn(taught: Measures | VoiceCards | VoiceWords) -> None:
    """Learn from a whole book beside the event loop; what is learnt already costs no thread."""
    if not taught.is_learnt:
        await asyncio.to_thread(taught.learn)


def _offline_writer() -> LanguageModel:
    from qdpi.language.offline import OfflineWriter

    return OfflineWriter()


def _default_edition() -> Edition:
    from qdpi.canon import own_book
    from qdpi.canon.revision import edition_of

    return edition_of(own_book())
