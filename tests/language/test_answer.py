"""The prose of an answer: thoughts, turns and control tokens of every family are taken off, whole and in pieces."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.scripted import ScriptedModel

from qdpi.errors import TextWithdrawn
from qdpi.language.answer import BEGINNING, Habits, Hold, ProseStream, tidy
from qdpi.language.markup import FAMILIES
from qdpi.language.port import Capabilities

T = "Okay, the user wants a page. I keep the damp, and no < or > in it.\n\nSo: go."
P = "The keeper set the lamp down.\n\nA bell answered, late and out of tune."
SAID: dict[str, dict[str, str]] = {
    "thought tags": {
        "whole": f"<think>{T}</think>\n\n{P}",
        "with an attribute": f'<think time="3" id=a/b>{T}</think>\n\n{P}',
        "in capitals": f"<THINK>{T}</Think>{P}",
        "with white space inside": f"< think >{T}</ think >{P}",
        "with a line break inside": f"<think\n>{T}</think\n>{P}",
        "thinking": f"<thinking>{T}</thinking>\n{P}",
        "thought": f"<thought>{T}</thought>{P}",
        "thoughts": f"<thoughts>{T}</thoughts>{P}",
        "reasoning": f"<reasoning>{T}</reasoning>{P}",
        "reflection": f"<reflection>{T}</reflection>{P}",
        "scratchpad": f"<scratchpad>{T}</scratchpad>{P}",
        "analysis": f"<analysis>{T}</analysis>{P}",
        "with a prefix": f"<seed:think>{T}<seed:cot_budget_reflect>{T}</seed:cot_budget_reflect></seed:think>{P}",
        "antThinking": f"<antThinking>{T}</antThinking>{P}",
        "inner monologue": f"<inner_monologue>{T}</inner_monologue>{P}",
        "reasoning_content": f"<reasoning_content>{T}</reasoning_content>{P}",
        "critique": f"<critique>{T}</critique>{P}",
        "notes": f"<notes>{T}</notes>{P}",
        "an internal one": f"<internal_monologue>{T}</internal_monologue>{P}",
        "a draft": f"<draft>{T}</draft><final>{P}</final>",
        "a longer name": f"<thinking_process>{T}</thinking_process>{P}",
        "escaped for HTML": f"&lt;think&gt;{T}&lt;/think&gt;{P}",
        "escaped for JSON": f"\\u003cthink\\u003e{T}\\u003c/think\\u003e{P}",
        "only ended, at the beginning": f"</think>\n\n{P}",
        "ended by another name": f"<thinking>{T}</think>{P}",
        "empty": f"<think></think>{P}",
        "an empty element": f"<think/>{P}",
        "an empty element with an attribute": f'<think budget="0" />{P}',
        "two": f"<think>{T}</think><thinking>{T}</thinking>{P}",
        "nested": f"<think>{T}<think>{T}</think>{T}</think>{P}",
        "named within itself": f"<think>I use <think> here.</think>{P}",
        "in the middle": P.replace("\n\n", f"\n\n<think>{T}</think>\n\n"),
        "in the middle of a line": P.replace("lamp down", f"lamp <think>{T}</think> down"),
        "at the end": f"{P}\n<think>{T}</think>",
        "at the end, not ended": f"{P}\n<think>{T}",
        "nested in the middle": P.replace("\n\n", "\n\n<think>a<think>b</think>c</think>\n\n"),
        "not begun": f"{T}\n</think>\n\n{P}",
        "not begun, ended twice": f"{T}</think>{T}</think>{P}",
        "not begun, then begun": f"{T}<think>{T}</think>{T}</think>{P}",
        "with a fence": f"<think>\n```\n{P}\n```\n</think>\n{P}",
        "in a fence": f"```\n<think>{T}</think>\n{P}\n```",
        "with an end token": f"<think>{T}<|im_end|>{T}</think>{P}",
        "with answer tags in it": f"<think>{T}<answer>{T}</answer></think>{P}",
    },
    "Mistral's thoughts": {
        "whole": f"[THINK]{T}[/THINK]{P}",
        "not begun": f"{T}[/THINK]{P}",
        "small": f"[think]{T}[/think]{P}",
        "reasoning": f"[REASONING]{T}[/REASONING]{P}",
        "in braces": f"{{think}}{T}{{/think}}{P}",
    },
    "Kimi's thoughts": {
        "whole": f"◁think▷{T}◁/think▷{P}",
        "not begun": f"{T}◁/think▷{P}",
        "full-width": f"＜think＞{T}＜/think＞{P}",
    },
    "thought tokens": {
        "a chain of thought": f"<|cot|>{T}<|/cot|>{P}",
        "OpenThinker": f"<|begin_of_thought|>{T}<|end_of_thought|>\n\n<|begin_of_solution|>{P}<|end_of_solution|>",
        "OpenThinker, without an end": f"<|begin_of_thought|>{T}<|begin_of_solution|>{P}",
        "Cohere": f"<|START_THINKING|>{T}<|END_THINKING|><|START_RESPONSE|>{P}<|END_RESPONSE|>",
        "Apertus": f"<|inner_prefix|>{T}<|inner_suffix|>{P}",
        "with a slash": f"<|thinking|>{T}<|/thinking|>{P}",
        "started and ended": f"<|thinking_start|>{T}<|thinking_end|>{P}",
        "reasoning": f"<|begin_reasoning|>{T}<|end_reasoning|>{P}",
        "one name": f"<|think|>{T}<|/think|>{P}",
        "full-width": f"<｜begin▁of▁thought｜>{T}<｜end▁of▁thought｜>{P}",
        "spaced": f"<| begin_of_thought |>{T}<| end_of_thought |>{P}",
        "GLM's box": f"<think>{T}</think><|begin_of_box|>{P}<|end_of_box|>",
    },
    "Granite's thoughts": {"whole": f"Here is my thought process:\n{T}\nHere is my response:\n{P}"},
    "Ollama's command line": {"whole": f"Thinking...\n{T}\n...done thinking.\n\n{P}"},
    "Open WebUI's thoughts": {
        "whole": f'<details type="reasoning" done="true">\n<summary>Thought</summary>\n> {T}\n</details>\n{P}'
    },
    "comments of HTML": {
        "at the beginning": f"<!-- {T} -->\n{P}",
        "in the middle": P.replace("\n\n", f"\n\n<!-- {T} -->\n\n"),
        "not ended": f"{P}\n<!-- {T}",
    },
    "answer tags": {
        "after a thought": f"<think>{T}</think><answer>{P}</answer>",
        "after a thought without an end": f"<think>{T}\n<answer>{P}</answer>",
        "alone": f"<final>\n{P}\n</final>\nI hope this helps.",
        "after a preface": f"Here it is:\n<answer>{P}</answer>",
        "not ended": f"<response>{P}",
        "not begun": f"{P}</answer>",
        "one in another": f"<final_response><answer>{P}</answer></final_response>",
        "next_page": f"<next_page>{P}</next_page>",
        "page_text": f"<page_text>{P}</page_text>",
    },
    "harmony (gpt-oss)": {
        "whole": f"<|start|>assistant<|channel|>analysis<|message|>{T}<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{P}<|return|>",
        "without the first start": f"<|channel|>analysis<|message|>{T}<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{P}",
        "begun by the template": f"{T}<|end|><|start|>assistant<|channel|>final<|message|>{P}<|return|>",
        "begun by the template, without an end": f"{T}<|start|>assistant<|channel|>final<|message|>{P}",
        "with commentary": f"<|channel|>commentary<|message|>{T}<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{P}",
        "with a constraint": f"<|channel|>analysis<|message|>{T}<|end|>"
        f"<|start|>assistant<|channel|>final <|constrain|>text<|message|>{P}",
        "with a call": f"<|channel|>commentary to=functions.see <|constrain|>json<|message|>{{}}<|call|>"
        f"<|start|>assistant<|channel|>final<|message|>{P}",
        "only final": f"<|channel|>final<|message|>{P}",
        "without final": f"<|channel|>analysis<|message|>{T}<|end|>{P}",
        "with another answer": f"<|channel|>final<|message|>{P}<|end|><|start|>assistant<|channel|>final<|message|>{T}",
        "only messages": f"<|start|>assistant<|message|>{P}<|end|>",
        "without messages": f"<|channel|>analysis\n{T}<|end|><|channel|>final\n{P}",
        "with tags in the analysis": f"<|channel|>analysis<|message|>Use <think>x</think> tags?<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{P}",
    },
    "harmony without its tokens": {
        "whole": f"analysis{T}assistantfinal{P}",
        "with commentary": f"analysis{T}assistantcommentary{T}assistantfinal{P}",
        "not begun": f"{T}assistantfinal{P}",
    },
    "Gemma": {
        "turns": f"<start_of_turn>model\n{P}<end_of_turn>\n<start_of_turn>user\n{T}",
        "end": f"{P}<end_of_turn><eos>",
        "channel": f"<|channel>thought\n{T}<channel|>{P}<turn|>",
        "empty channel": f"<|channel>thought\n<channel|>{P}",
        "new turns": f"<|turn>model\n{P}<turn|>",
    },
    "ChatML": {
        "end": f"{P}<|im_end|>",
        "spaced": f"{P}<| im_end |>",
        "turns": f"<|im_start|>assistant\n{P}<|im_end|>\n<|im_start|>user\n{T}",
        "only the next turn": f"{P}\n<|im_start|>user\n{T}",
        "the prompt again": f"<|im_start|>user\n{T}<|im_end|>\n<|im_start|>assistant\n{P}",
        "no name": f"<|im_start|>{P}",
        "Kimi": f"<|im_assistant|>assistant<|im_middle|>{P}<|im_end|>",
        "without bars": f"{P}</im_end>{T}",
    },
    "Llama 3 and 4": {
        "end": f"{P}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{T}",
        "header": f"<|start_header_id|>assistant<|end_header_id|>\n\n{P}<|eot_id|>",
        "Llama 4": f"<|header_start|>assistant<|header_end|>\n\n{P}<|eot|>",
        "tools": f"{P}<|python_tag|>see()<|eom_id|>",
    },
    "Llama 2 and Mistral": {
        "turns": f"<s>[INST] <<SYS>>\n{T}\n<</SYS>>\n\n{T} [/INST] {P} </s><s>[INST] {T}",
        "end": f"{P} [/INST]",
        "next turn": f"{P}[INST] {T} [/INST]",
    },
    "Mistral's tools": {
        "call": f'{P}[TOOL_CALLS][{{"name": "see"}}]',
        "system": f"[SYSTEM_PROMPT]{T}[/SYSTEM_PROMPT]{P}",
    },
    "Cohere": {
        "turns": f"<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{P}<|END_OF_TURN_TOKEN|>",
        "action": f"<|START_ACTION|>[]<|END_ACTION|>{P}",
    },
    "Granite": {
        "role": f"<|start_of_role|>assistant<|end_of_role|>{P}<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>{T}"
    },
    "speaker tokens (Phi, GLM, Zephyr, DeepSeek, Yi, Hunyuan)": {
        "Phi": f"<|assistant|>\n{P}<|end|>\n<|user|>\n{T}",
        "GLM": f"{P}<|user|>{T}",
        "Zephyr": f"<|system|>\n{T}</s>\n<|user|>\n{T}</s>\n<|assistant|>\n{P}</s>",
        "DeepSeek": f"<｜User｜>{T}<｜Assistant｜>{P}",
        "Hunyuan": f"<｜hy_User｜>{T}<｜hy_Assistant｜>{P}<｜hy_EOT｜>",
        "with a slash": f"{P}<|/assistant|>{T}",
    },
    "MiniMax": {"turns": f"]~!b[]~b]ai\n{P}[e~[\n]~b]user\n{T}"},
    "Ling": {"turns": f"<role>ASSISTANT</role>{P}<|role_end|><role>HUMAN</role>{T}"},
    "DeepSeek": {"end": f"<｜begin▁of▁sentence｜>{P}<｜end▁of▁sentence｜>{T}", "plain bars": f"{P}<|end_of_sentence|>"},
    "EXAONE": {"turns": f"[|assistant|]{P}[|endofturn|]\n[|user|]{T}"},
    "GLM": {"begin": f"[gMASK]<sop>{P}", "end": f"{P}<eop>"},
    "Baichuan": {"turns": f"<reserved_107>{P}<reserved_106>{T}"},
    "InternLM": {"end": f"{P}<eoa>\n<|User|>:{T}", "unused": f"{P}[UNUSED_TOKEN_145]"},
    "end tokens": {
        "GPT-2": f"{P}<|endoftext|>{T}",
        "sentence": f"{P}</s>",
        "at the beginning": f"</s>\n{P}",
        "eos": f"{P}<eos>",
        "Chameleon": f"{P}<END-OF-TURN>{T}",
        "end of turn": f"{P}<|end_of_turn|>{T}",
        "without bars": f"{P}<EOT>{T}",
    },
    "begin and filler tokens": {
        "sentence": f"<s>{P}",
        "filler": f"<pad><pad>{P}<pad>".replace("lamp", "lamp<unk>").replace("bell", "<mask>bell"),
        "unused": f"<unused6226>{P}<|reserved_special_token_3|>",
        "begin": f"<|begin_of_text|>{P}",
    },
    "code and file tokens": {"fim": f"<|fim_prefix|>{P}<|fim_middle|>", "plain": f"<fim_suffix>{P}<|file_sep|>"},
    "picture and sound tokens": {
        "pictures": f"<|vision_start|><|image_pad|><|vision_end|>{P}",
        "sound": f"<|audio_bos|>{P}<|audio|>",
        "plain": f"<image>{P}",
    },
    "tool tags": {
        "call": f'<tool_call>\n{{"name": "see"}}\n</tool_call>\n{P}',
        "call at the end": f"{P}\n<tool_call>see",
        "functions": f"<function_calls><invoke name='x'></invoke></function_calls>{P}",
    },
    "tool tokens": {
        "DeepSeek": f"{P}<｜tool▁calls▁begin｜>see<｜tool▁calls▁end｜>",
        "Kimi": f"<|tool_calls_section_begin|>see<|tool_calls_section_end|>{P}",
    },
    "turns in words (RWKV, Alpaca, Vicuna)": {
        "RWKV": f"{P}\n\nUser: {T}",
        "own": f"Assistant: {P}",
        "Alpaca": f"### Response:\n{P}\n\n### Instruction:\n{T}",
        "Alpaca without a colon": f"### Response\n{P}\n\n### Instruction\n{T}",
        "Vicuna": f"{P}\nUSER: {T}\nASSISTANT: {T}",
        "Human": f"{P}\n\nHuman: {T}",
        "User, in the next line": f"{P}\nUser: {T}",
    },
    "turns without their tokens": {
        "Llama 3": f"assistant\n\n{P}assistant\n\n{T}",
        "ChatML": f"{P}\nuser\n{T}\nassistant\n{T}",
        "Gemma": f"model\n{P}\nuser\n{T}",
    },
    "end tokens of families unknown": {
        "end": f"{P}<|message_end|>{T}",
        "end of something": f"{P}<|endofresponse|>{T}",
        "end of something, full-width": f"{P}<｜end▁of▁answer▁turn｜>{T}",
        "in short": f"{P}<|eod|>{T}",
        "stop": f"{P}<|lamp_stop|>{T}",
        "separators": f"<|message_sep|>{P}<|separator|>",
    },
    "fences and fields": {
        "fence": f"```\n{P}\n```",
        "named fence": f"```markdown\n{P}\n```\n",
        "fields": f"[[ ## page_text ## ]]\n{P}\n\n[[ ## completed ## ]]",
    },
}
CASES = [pytest.param(said, id=f"{family}: {case}") for family, cases in SAID.items() for case, said in cases.items()]
FRAGMENTS = [
    *["<", ">", "/", "|", "[", "]", "◁", "▷", "`", "#", ":", ".", "a", "b", "\n"],
    *["<think>", "</think>", "<think/>", "< /THINK >", "[THINK]", "[/THINK]", "<answer>", "</answer>", "<tool_call>"],
    *["<|channel|>", "analysis", "final", "<|message|>", "<|end|>", "<|start|>", "assistant", "user", "<|constrain|>"],
    *["<|im_start|>", "<|im_end|>", "</tool_call>", "\n\nUser:", "### Response:", "```", "[[ ## ", " ## ]]", "<unk>"],
    *["word", " ", "\n", "\n\n", "\r\n", "\t", "\0", "\x1c", "é", "\ud800", "Okay, ", "the user wants", "<|im_sta"],
    *["Here is my response:", "Thinking...\n", "assistantfinal", "<channel|>", "<｜end▁of▁sentence｜>", "\u2003"],
]
AWKWARD = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=40).map("".join)
PROSE = (
    "A `word` in [[brackets]] < three, and 1 < 2 > 0. [sic] [THE END] <3",
    "She loved him <3 times over>, or so he said: a<b, b>c.",
    "“Okay,” said the keeper. “I should think so: let me think.”",
    "Okay, I need to write this down before the tide is in.\n\nIt was not a thought at all.",
    "An *italic* word, _another_, and <i>one</i> in tags. 5 > 3 || 2 < 4.",
    "He answered: [The page is torn here.] And [S]he went on…",
    "Analysis was her trade. Assistant: that was his. The User: a novel.",
    "analysis of the water, and a final answer",
    "The door --> the stair <-- the tide. End: stop. {lamp} ]b[ and [e]",
    "<",
    "the keys [ and < and ◁ and &",
    "It was the assistant final rehearsal.",
    "He asked the\nassistant, and she asked the\nuser of the well. A model\nof patience.",
    "assistants came. “No,” said the assistant\nkeeper.",
)


def streamed(pieces: list[str], hold: Hold = Hold.EVERYTHING) -> str:
    stream = ProseStream(hold)
    return "".join([*map(stream.feed, pieces), stream.finish()])


def cut(said: str, chance: random.Random) -> Iterator[str]:
    at = 0
    while at < len(said):
        end = at + chance.randint(1, 9)
        yield said[at:end]
        at = end


@pytest.mark.parametrize("said", CASES)
def test_family_is_taken_off(said: str) -> None:
    assert tidy(said) == P


@pytest.mark.parametrize("said", CASES)
def test_family_is_taken_off_in_pieces(said: str) -> None:
    chance = random.Random(said)
    assert streamed(list(said)) == P
    for _ in range(10):
        assert streamed(list(cut(said, chance))) == P


@pytest.mark.parametrize("said", CASES)
def test_nothing_but_the_page_is_ever_shown(said: str) -> None:
    """At a model's first call, whatever its name: what is shown piece by piece begins the page."""
    stream, shown = ProseStream(Hold.BEGINNING), ""
    for piece in said:
        shown += stream.feed(piece)
        assert P.startswith(shown)
    assert shown + stream.finish() == P


def test_every_family_has_cases() -> None:
    assert SAID.keys() == {family.name for family in FAMILIES}


@pytest.mark.parametrize("prose", PROSE)
def test_prose_is_left_alone(prose: str) -> None:
    assert tidy(prose) == prose == streamed(list(prose), Hold.BEGINNING) == streamed(list(prose), Hold.NOTHING)


def pieces_of(said: str, cuts: list[int]) -> Iterator[str]:
    at, turn = 0, 0
    while at < len(said):
        end = at + cuts[turn % len(cuts)]
        yield said[at:end]
        at, turn = end, turn + 1


CUTS = st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=40)


@settings(deadline=None)
@given(AWKWARD, CUTS)
@example("a\n```", [1])
@example("```[[ ## ", [1])
@example("<think [THINK] x\n\nUser:>Okay.</think>Yes.", [1])
@example("x ``` y\n```py \n z", [3])
def test_stream_equals_tidy_for_any_cut(said: str, cuts: list[int]) -> None:
    assert streamed(list(pieces_of(said, cuts))) == tidy(said)


@settings(deadline=None)
@given(AWKWARD, CUTS, st.sampled_from([Hold.NOTHING, Hold.BEGINNING, Hold.THOUGHT]))
def test_stream_shows_only_the_page_or_is_withdrawn(said: str, cuts: list[int], hold: Hold) -> None:
    """However little is held back: what is shown is the page, or the answer ends with an error and is learned from."""
    learned: list[Hold] = []
    stream = ProseStream(hold, learned.append)
    try:
        shown = "".join([*map(stream.feed, pieces_of(said, cuts)), stream.finish()])
    except TextWithdrawn:
        assert learned == [Hold.EVERYTHING]
    else:
        assert shown == tidy(said)
        assert len(learned) == 1


BEGUN = (
    "<",
    "< ",
    "<think ",
    "<think>",
    "</think>",
    "<|",
    "[",
    "`",
    "\n",
    " ",
    "◁",
    "#",
    "<pad>",
    "<|channel|>",
    "<s> ",
)


@pytest.mark.parametrize(("size", "most"), [(37, 10_000), pytest.param(1, 25_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("begun", BEGUN)
def test_stream_takes_linear_time(begun: str, size: int, most: int) -> None:
    """A long answer made of the beginnings of marks, one character at a time; the longest accepted is four of these."""
    stream, said = ProseStream(Hold.BEGINNING), ("x" + begun * most)[:most]
    began = time.process_time()
    with suppress(TextWithdrawn):
        for piece in pieces_of(said, [size]):
            stream.feed(piece)
        stream.finish()
    assert time.process_time() - began < 20 * most / 100_000


# what the prose of an answer is made of besides its marks


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("  The lamp.\n\nThe stair. \n", "The lamp.\n\nThe stair."),
        ("The\0 lamp\x07.\r\nThe\tstair.\ufeff\x85", "The lamp.\nThe stair."),
        ("half a \ud83d pair", "half a  pair"),
        ("The lamp.\n\n<unk>\n\n\nThe stair.", "The lamp.\n\nThe stair."),
        ("The lamp <unk> went<unk> out.", "The lamp went out."),
        ("The lamp went out.<|im_e", "The lamp went out."),
        ("The lamp went out.</thi", "The lamp went out."),
    ],
)
def test_tidy_removes_control_characters_and_spare_space(said: str, meant: str) -> None:
    assert tidy(said) == meant == streamed(list(said))


@pytest.mark.parametrize(
    "said",
    [
        "<think>cut off in thou",
        f"<think>{T}</think>",
        f"{T}</think>",
        f"<think>{T}<|im_end|>",
        f"<|channel|>analysis<|message|>{T}",
        f"<|channel|>analysis<|message|>{T}<|end|>",
        "[THINK]",
        "<|im_end|>",
        "<|im_start|>assistant\n<|im_end|>",
        "<tool_call>{}</tool_call>",
        "```\n```",
    ],
)
def test_answer_without_prose_is_empty(said: str) -> None:
    assert tidy(said) == "" == streamed(list(said))


# how much is held back


def shown_after(said: str, hold: Hold) -> str:
    return ProseStream(hold).feed(said)


def test_beginning_is_held_back_until_it_is_prose() -> None:
    assert BEGINNING <= 64
    assert shown_after(P[: BEGINNING - 1], Hold.BEGINNING) == ""
    assert shown_after(P[:BEGINNING], Hold.BEGINNING) == P[:BEGINNING].strip()
    assert shown_after(P[:10], Hold.NOTHING) == P[:10].strip()
    assert shown_after(P * 100, Hold.THOUGHT) == "" == shown_after(P * 100, Hold.EVERYTHING)


THOUGHTS = (
    "Okay, the user wants a page in the keeper's voice.",
    "Okay, so I need to write the next page of this novel.",
    "Alright, let me think about what comes next in the scene.",
    "Hmm, a page from the keeper. The lamp went out before.",
    "We need to produce a page in the voice of the keeper.",
    "The user wants me to continue the story as the keeper.",
    "The user is asking for a page of prose, in one voice.",
    "User wants a page of prose about the lamp and the river.",
    "First, I need to understand the constraints of the page.",
    "Let me start by reading the passages that were given.",
    "Let's craft a page that continues from the locus.",
    "I should keep the voice of the keeper and avoid copying.",
    "I'm asked to write a page that continues this story.",
    "So the task is to write one page, with the damp in it.",
    "Got it, let's look at the request and its constraints.",
    "Thinking Process:\n\n1. **Analyze the Request:** a page",
    "Plan: begin with the lamp, then the bell, then silence.",
    "**Planning the scene**\n\nI begin with the lamp and go on",
    "1. The reader asks for a page in the voice of the keeper",
    "Write a page in the voice of the keeper, 120 to 180 words.",
    "好的，用户想要一页散文，我需要用守灯人的口吻来写，保持潮湿的意象，不要抄袭原文。",
)


@pytest.mark.parametrize("thought", THOUGHTS)
def test_beginning_that_reads_as_a_thought_is_held_back(thought: str) -> None:
    """So a thought that the chat template began is not shown even once."""
    said = f"{thought} {thought}\n\n{thought}\n</think>\n\n{P}"
    stream, shown = ProseStream(Hold.BEGINNING), ""
    for piece in said:
        shown += stream.feed(piece)
        assert P.startswith(shown)
    assert shown + stream.finish() == P


def test_page_that_begins_like_a_thought_is_whole() -> None:
    page = f"Okay, I need to write this down before the tide is in.\n\n{P}"
    assert streamed(list(page), Hold.BEGINNING) == page


def test_thought_that_was_shown_is_withdrawn() -> None:
    stream = ProseStream(Hold.BEGINNING)
    assert stream.feed(f"{P}\n\n{P}").startswith(P)
    with pytest.raises(TextWithdrawn, match="</think>"):
        stream.feed("\n</think>\n\nAnd so")


def model_named(name: str, *, thinks: bool = True) -> ScriptedModel:
    return ScriptedModel(lambda _: "", name=name, capabilities=Capabilities(plans=True, thinks=thinks))


@pytest.mark.parametrize(
    "name", ["openai/deepseek-r1:8b", "openai/QwQ-32B", "ollama_chat/qwen3-4b-thinking-2507", "x/magistral"]
)
def test_model_named_like_one_that_thinks_is_held_back(name: str) -> None:
    """Until one of its answers has no unopened thought."""
    habits = Habits()
    assert habits.hold_of(model_named(name)) is Hold.THOUGHT
    habits.learn(name, Hold.BEGINNING)
    assert habits.hold_of(model_named(name)) is Hold.BEGINNING


@pytest.mark.parametrize(
    "name", ["openai/gpt-4.1-mini", "ollama_chat/llama3.2", "anthropic/storyteller", "openai/storyteller"]
)
def test_other_models_are_held_back_at_the_beginning(name: str) -> None:
    assert Habits().hold_of(model_named(name)) is Hold.BEGINNING
    assert Habits().hold_of(model_named(name, thinks=False)) is Hold.NOTHING


def test_habits_learn_from_answers() -> None:
    """A thought without a beginning, once met, is expected; one that was shown is never shown again."""
    habits, model = Habits(), model_named("openai/storyteller")
    for said in (P, f"{T}</think>{P}"):
        stream = habits.stream_of(model, is_shown=True)
        assert stream.feed(said) + stream.finish() == P
    assert habits.hold_of(model) is Hold.THOUGHT
    stream = habits.stream_of(model, is_shown=True)
    assert stream.feed(T) + stream.finish(cut_off=True) == ""
    stream = habits.stream_of(model, is_shown=True)
    assert stream.feed(f"{T}</think>{P}{P}") == f"{P}{P}"
    with pytest.raises(TextWithdrawn):
        stream.feed("</think>")
    assert habits.hold_of(model) is Hold.EVERYTHING


def test_answer_that_is_not_shown_is_learned_from() -> None:
    """Such as a plan: it may be held back whole."""
    habits, model = Habits(), model_named("openai/storyteller")
    stream = habits.stream_of(model, is_shown=False)
    assert stream.feed(f"{P}</think>{P}") == ""
    assert stream.finish() == P
    assert habits.hold_of(model) is Hold.THOUGHT


def test_model_that_no_longer_begins_within_a_thought_may_be_cut_off() -> None:
    """A page that ends at its limit is a page, once a whole answer has begun without a thought."""
    habits, model = Habits(), model_named("thinker")
    unopened = habits.stream_of(model, is_shown=True)
    assert unopened.feed(f"{T}</think>{P}") + unopened.finish() == P
    cut = habits.stream_of(model, is_shown=True)
    assert cut.feed(P) + cut.finish(cut_off=True) == ""
    plain = habits.stream_of(model, is_shown=True)
    assert plain.feed(P) + plain.finish() == P
    cut = habits.stream_of(model, is_shown=True)
    assert cut.feed(P) + cut.finish(cut_off=True) == P
