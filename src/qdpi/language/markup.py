"""What models and their servers leave in an answer that is not its prose: thoughts, turns, control tokens.

`FAMILIES` has a line for each family. `MarkReader` finds their marks in pieces that cut them anywhere, in linear time:
no mark is longer than a few hundred characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

import regex


class Mark(StrEnum):
    """What a mark means for the text around it."""

    THOUGHT = "a thought begins"
    THOUGHT_ENDS = "a thought ends; where none has begun, all text so far was one"
    WORDS_END_THOUGHT = "a thought ends, where one has begun; else they are words"
    CHANNEL = "the name of a channel follows: the final one is the page, any other a thought"
    CHANNEL_THOUGHT = "a thought begins that ends with its message"
    FINAL = "the final channel begins"
    PAGE = "the page begins; what came before was not part of it"
    PAGE_ENDS = "the page ends"
    TURN = "the name of a turn's speaker follows"
    OWN_TURN = "the model's turn begins"
    OTHER_TURN = "somebody else's turn begins"
    HEADER_ENDS = "the name of a speaker or channel ends"
    SKIP = "something that is not text begins, such as a call of a tool"
    SKIP_ENDS = "something that is not text ends"
    END = "the model's turn ends"
    NOISE = "nothing"


class Family(NamedTuple):
    """One line of the table: a name, and the expression of each mark."""

    name: str
    marks: dict[Mark, str]


_L, _R = r"(?:<|&lt;|\\u003c)", r"(?:>|&gt;|\\u003e)"
"""The brackets of a tag, also as HTML and JSON escape them."""


def _tag(names: str) -> str:
    return rf"{_L}\s{{0,4}}(?:[a-z][\w.-]{{0,19}}:)?(?:{names})(?:\s[^<>]{{0,200}})?{_R}"


def _end_tag(names: str) -> str:
    return rf"{_L}\s{{0,4}}/\s{{0,4}}(?:[a-z][\w.-]{{0,19}}:)?(?:{names})(?:\s[^<>]{{0,200}})?{_R}"


def _empty_tag(names: str) -> str:
    return rf"{_L}\s{{0,4}}(?:[a-z][\w.-]{{0,19}}:)?(?:{names})(?:\s[^<>/]{{0,200}})?/\s{{0,4}}{_R}"


def _bar(names: str) -> str:
    return rf"<\|(?:{names})\|>"


def _spelled(expression: str) -> str:
    """Return `expression` for bars of any kind: DeepSeek's are full-width; some servers put a space beside them."""
    return expression.replace(r"<\|", r"<[|｜]\s?").replace(r"\|>", r"\s?[|｜]>")


_MIND = r"(?:think|thought|reason|reflect|scratch[_-]?pad|monolog|deliberat|ponder|chain[_-]of)"
_THOUGHTS = (
    rf"[\w-]{{0,20}}{_MIND}[\w-]{{0,20}}|analysis|analy[sz]e|cot|cot_budget_reflect|brainstorm(?:ing)?|plan(?:ning)?"
    r"|critique|rationale|considerations?|strategy|outline|drafts?|notes?|(?:internal|inner|self)(?:[_-]\w{1,20})?"
)
_PAGES = (
    r"(?:[a-z]{1,12}[_-])?(?:answer|response|reply|output|solution|page|story|prose|narrative|text|content|result)"
    r"(?:[_-][a-z]{1,12})?|final"
)
_TOOLS = (
    "tool[_-]?calls?|tool[_-]?(?:use|response|result|code)s?|function[_-]?calls?|function[_-]?results?|tools|invoke"
)
_OTHERS = "user|human|system|tool|developer|observation|function|environment|ipython|context|documents?"
_OWN = "assistant|model|chatbot|bot|gpt|ai"
_LINE = r"(?<![^\n])"
_PARAGRAPH = r"(?:(?<![\s\S])|(?<=\n\n))"
_FIRST = r"(?<![\s\S])\s{0,8}"

FAMILIES: Final = (
    Family(
        "thought tags",
        {Mark.NOISE: _empty_tag(_THOUGHTS), Mark.THOUGHT: _tag(_THOUGHTS), Mark.THOUGHT_ENDS: _end_tag(_THOUGHTS)},
    ),
    Family(
        "Mistral's thoughts",
        {
            Mark.THOUGHT: r"\[THINK\]|(?-i:\[(?:THINKING|THOUGHTS?|REASONING)\])|\{think(?:ing)?\}",
            Mark.THOUGHT_ENDS: r"\[/(?:THINK|THINKING|THOUGHTS?|REASONING)\]|\{/think(?:ing)?\}",
        },
    ),
    Family(
        "Kimi's thoughts",
        {
            Mark.THOUGHT: r"[◁《〈⟨＜]\s?think(?:ing)?\s?[▷》〉⟩＞]",
            Mark.THOUGHT_ENDS: r"[◁《〈⟨＜]\s?/\s?think(?:ing)?\s?[▷》〉⟩＞]",
        },
    ),
    Family(
        "thought tokens",
        {
            Mark.THOUGHT_ENDS: _bar(
                rf"(?:/|end|stop)[\w▁/-]{{0,20}}{_MIND}[\w▁-]{{0,20}}"
                rf"|[\w▁-]{{0,20}}{_MIND}[a-z]{{0,5}}[_▁-](?:end|stop)|(?:/|end[_▁](?:of[_▁])?)cot|inner_suffix"
            ),
            Mark.THOUGHT: _bar(
                rf"[\w▁-]{{0,20}}{_MIND}[\w▁-]{{0,20}}|(?:(?:begin|start)[_▁](?:of[_▁])?)?cot|inner_prefix"
            ),
            Mark.PAGE: _bar(r"(?:begin|start)[_▁](?:of[_▁])?(?:solution|answer|response|text|box)"),
            Mark.PAGE_ENDS: _bar(r"end[_▁](?:of[_▁])?(?:solution|answer|response|box)"),
        },
    ),
    Family(
        "Granite's thoughts",
        {
            Mark.THOUGHT: _FIRST + r"Here(?: is|'s|’s) my thought process:",
            Mark.WORDS_END_THOUGHT: _LINE + r"Here(?: is|'s|’s) my response:",
        },
    ),
    Family(
        "Ollama's command line",
        {
            Mark.THOUGHT: _FIRST + r"Thinking(?:\.\.\.|…)\n",
            Mark.WORDS_END_THOUGHT: _LINE + r"(?:\.\.\.|…)done thinking\.",
        },
    ),
    Family("Open WebUI's thoughts", {Mark.THOUGHT: _tag("details"), Mark.THOUGHT_ENDS: _end_tag("details")}),
    Family("comments of HTML", {Mark.THOUGHT: r"<!--", Mark.WORDS_END_THOUGHT: r"-->"}),
    Family("answer tags", {Mark.NOISE: _empty_tag(_PAGES), Mark.PAGE: _tag(_PAGES), Mark.PAGE_ENDS: _end_tag(_PAGES)}),
    Family(
        "harmony (gpt-oss)",
        {
            Mark.CHANNEL: r"<\|channel\|>",
            Mark.TURN: r"<\|start\|>",
            Mark.HEADER_ENDS: r"<\|message\|>",
            Mark.END: r"<\|(?:end|return|call)\|>",
            Mark.NOISE: r"<\|constrain\|>",
        },
    ),
    Family(
        "harmony without its tokens",
        {
            Mark.CHANNEL_THOUGHT: rf"(?-i:{_FIRST}(?:analysis|commentary)(?=[A-Z])"
            r"|assistant(?:analysis|commentary)(?=[A-Z]))",
            Mark.FINAL: r"(?-i:assistantfinal)",
        },
    ),
    Family(
        "Gemma",
        {
            Mark.TURN: r"<start_of_turn>|<\|turn>",
            Mark.END: r"<end_of_turn>|<turn\|>",
            Mark.CHANNEL: r"<\|channel>",
            Mark.THOUGHT_ENDS: r"<channel\|>",
        },
    ),
    Family(
        "ChatML",
        {
            Mark.TURN: r"<\|im_(?:start|assistant|user|system|tool)\|>",
            Mark.END: r"<\|im_end\|>|</?im_end>",
            Mark.HEADER_ENDS: r"<\|im_(?:sep|middle)\|>",
        },
    ),
    Family(
        "Llama 3 and 4",
        {
            Mark.TURN: r"<\|(?:start_header_id|header_start)\|>",
            Mark.HEADER_ENDS: r"<\|(?:end_header_id|header_end)\|>",
            Mark.END: r"<\|(?:eot_id|eom_id|eot|eom)\|>",
            Mark.SKIP: r"<\|python_(?:tag|start)\|>",
            Mark.SKIP_ENDS: r"<\|python_end\|>",
        },
    ),
    Family(
        "Llama 2 and Mistral",
        {Mark.OTHER_TURN: r"\[INST\]", Mark.OWN_TURN: r"\[/INST\]", Mark.SKIP: r"<<SYS>>", Mark.SKIP_ENDS: r"<</SYS>>"},
    ),
    Family(
        "Mistral's tools",
        {
            Mark.SKIP: r"\[(?:TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|SYSTEM_PROMPT|MODEL_SETTINGS)\]",
            Mark.SKIP_ENDS: r"\[/(?:TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|SYSTEM_PROMPT|MODEL_SETTINGS)\]",
            Mark.NOISE: r"\[(?:TOOL_CONTENT|CALL_ID|ARGS|IMG_BREAK|IMG_END|BEGIN_AUDIO|control_\d{1,4})\]",
        },
    ),
    Family(
        "Cohere",
        {
            Mark.OWN_TURN: r"<\|CHATBOT_TOKEN\|>",
            Mark.OTHER_TURN: r"<\|(?:USER|SYSTEM)_TOKEN\|>",
            Mark.END: r"<\|END_OF_TURN_TOKEN\|>",
            Mark.NOISE: r"<\|START_OF_TURN_TOKEN\|>",
            Mark.SKIP: r"<\|START_(?:ACTION|TOOL_RESULT)\|>",
            Mark.SKIP_ENDS: r"<\|END_(?:ACTION|TOOL_RESULT)\|>",
            Mark.PAGE_ENDS: r"<\|END_TEXT\|>",
        },
    ),
    Family("Granite", {Mark.TURN: r"<\|start_of_role\|>", Mark.HEADER_ENDS: r"<\|end_of_role\|>"}),
    Family(
        "speaker tokens (Phi, GLM, Zephyr, DeepSeek, Yi, Hunyuan)",
        {
            Mark.OWN_TURN: _bar(rf"(?:[a-z]{{1,8}}_)?(?:{_OWN})"),
            Mark.OTHER_TURN: _bar(rf"(?:[a-z]{{1,8}}_)?(?:{_OTHERS})"),
            Mark.END: _bar(rf"/(?:{_OWN})"),
            Mark.NOISE: _bar(rf"/(?:{_OTHERS})"),
        },
    ),
    Family("MiniMax", {Mark.TURN: r"\]~b\]", Mark.END: r"\[e~\[", Mark.NOISE: r"\]~!b\["}),
    Family("Ling", {Mark.TURN: r"<role>", Mark.HEADER_ENDS: r"</role>"}),
    Family("DeepSeek", {Mark.END: _bar("end[_▁]of[_▁]sentence"), Mark.NOISE: _bar("begin[_▁]of[_▁]sentence")}),
    Family(
        "EXAONE",
        {
            Mark.OWN_TURN: rf"\[\|(?:{_OWN})\|\]",
            Mark.OTHER_TURN: rf"\[\|(?:{_OTHERS})\|\]",
            Mark.END: r"\[\|endofturn\|\]",
        },
    ),
    Family("GLM", {Mark.NOISE: r"\[[gs]?MASK\]|<sop>", Mark.END: r"<eop>"}),
    Family("Baichuan", {Mark.OWN_TURN: r"<reserved_10[37]>", Mark.OTHER_TURN: r"<reserved_10[26]>"}),
    Family("InternLM", {Mark.END: r"<eo[ahu]>|<eosys>|<TOKENS_UNUSED_\d{1,3}>|\[UNUSED_TOKEN_\d{1,3}\]"}),
    Family(
        "end tokens",
        {
            Mark.END: r"</s>|<eos>|</?(?-i:EOS|EOT|EOM|EOD)>|<END[-_]OF[-_]TURN>|\[EOS\]|"
            + _bar("endoftext|end_of_text|endofturn|end_of_turn|end_of_message|endofprompt|eos|done|stop")
        },
    ),
    Family(
        "begin and filler tokens",
        {
            Mark.NOISE: r"<s>|<(?:bos|pad|unk|mask|cls|sep)>|\[(?-i:PAD|UNK|CLS|SEP|BOS)\]"
            r"|<(?:extra_id|unused|reserved|sentinel)_?\d{1,4}>|"
            + _bar(
                r"pad|padding|unk|mask|bos|sep|begin_of_text|startoftext|start_of_text|startoftranscript"
                r"|(?:extra|reserved(?:_special_token)?)_\d{1,4}"
            )
        },
    ),
    Family(
        "code and file tokens",
        {
            Mark.NOISE: r"<[|｜]?(?:fim|file|repo|jupyter|issue|commit|code)[_▁-][\w▁]{1,24}[|｜]?>"
            r"|\[(?:PREFIX|SUFFIX|MIDDLE)\]"
        },
    ),
    Family(
        "picture and sound tokens",
        {
            Mark.NOISE: r"<[|｜]?(?:vision|image|img|video|audio|speech|box|quad|object_ref|ref|det|grounding)"
            r"(?:[_▁-][\w▁]{1,24})?[|｜]?>|<image_soft_token>"
        },
    ),
    Family(
        "tool tags",
        {
            Mark.NOISE: _empty_tag(_TOOLS),
            Mark.SKIP: _tag(_TOOLS) + r"|<function=[^<>]{1,80}>",
            Mark.SKIP_ENDS: _end_tag(_TOOLS) + r"|</function>",
        },
    ),
    Family(
        "tool tokens",
        {
            Mark.SKIP: _bar(
                r"tool[_▁](?:calls?|outputs?|response)(?:[_▁]section)?(?:[_▁]begin)?|action[_▁]start|plugin|interpreter"
            ),
            Mark.SKIP_ENDS: _bar(
                r"(?:/|end_)?tool[_▁](?:calls?|outputs?|response)(?:[_▁]section)?[_▁]end|/tool[_▁]calls?|action[_▁]end"
            ),
            Mark.NOISE: _bar(r"tool[_▁](?:sep|call[_▁]argument[_▁]begin)"),
        },
    ),
    Family(
        "turns in words (RWKV, Alpaca, Vicuna)",
        {
            Mark.OWN_TURN: rf"{_PARAGRAPH}(?-i:Assistant|AI|Bot): ?"
            rf"|{_LINE}(?-i:ASSISTANT|GPT): ?"
            rf"|{_LINE}#{{2,4}} ?(?:Response|Assistant|Answer|Output|Completion):|{_LINE}### ?Response\s?(?=\n)",
            Mark.OTHER_TURN: rf"{_PARAGRAPH}(?-i:User|Human|System|Instruction): ?"
            rf"|{_LINE}(?-i:USER|HUMAN|SYSTEM|User): ?"
            rf"|{_LINE}#{{2,4}} ?(?:Instruction|Input|Human|User|System|Question|Context|Prompt):"
            rf"|{_LINE}### ?Instruction\s?(?=\n)",
            Mark.END: rf"{_LINE}#{{2,4}} ?End\n",
        },
    ),
    Family(
        "turns without their tokens",
        {
            Mark.OWN_TURN: rf"(?-i:{_FIRST}(?:assistant|model)\n|{_LINE}assistant\n|(?<=[.!?…\"”’'])assistant\n)",
            Mark.OTHER_TURN: rf"(?-i:{_LINE}user\n|(?<=[.!?…\"”’'])user\n)",
        },
    ),
    Family(
        "end tokens of families unknown",
        {
            Mark.END: _bar(
                r"(?:[\w▁-]{1,20}[_▁-])?(?:end|stop|eo[a-z]{1,2})(?:[_▁-][\w▁-]{1,30})?|end(?:of)?[a-z]{1,20}"
            ),
            Mark.NOISE: _bar(r"(?:[a-z]{1,12}_)?sep(?:arator)?"),
        },
    ),
    Family(
        "fences and fields", {Mark.NOISE: rf"{_LINE} {{0,3}}```[\w-]{{0,20}} {{0,3}}(?=\n)|\[\[ ## \w{{1,64}} ## \]\]"}
    ),
)
"""Every family that is taken off an answer. `docs/models.md` has the same table for people."""

_MARKS: Final = [(mark, expression) for family in FAMILIES for mark, expression in family.marks.items()]
_BEGINS: Final = r"(?:(?<![^\n.!?…\"”’'])|(?=[<&\\\[\]{◁《〈⟨＜]|-->|(?-i:assistant)))"
"""Where a mark can begin: with a line, after the end of a sentence, at a bracket or its escape, at two words besides.

Every expression of `FAMILIES` begins at such a place. Prose, where marks are rare, is read five times as fast by that.
"""
_TOKEN: Final[Any] = regex.compile(
    _BEGINS + "(?:" + "|".join(f"(?P<m{n}>{_spelled(each)})" for n, (_, each) in enumerate(_MARKS)) + ")",
    regex.IGNORECASE,
)
Item = tuple[Mark | None, str]
"""A mark with its text, or text without a mark."""

_CONTEXT: Final = 2  # characters before a mark that its expression may look at
_MOST_HEADER: Final = 80
_LONGEST_TAG: Final = 400
_TAG = re.compile(r"[<&\\]")
_BROKEN = re.compile(r"<[|｜/!]|<[a-z]{3}|\[[|/]|◁", re.IGNORECASE)
_NAME = re.compile(
    r"\s*(?:(?P<final>final|response|text)|(?P<own>assistant|model|chatbot|bot|gpt|ai)"
    r"|(?P<other>user|human|system|tool|developer|observation|function|environment|ipython|context|documents?)"
    r"|(?P<thought>analysis|commentary|thoughts?|think(?:ing)?|reasoning))(?-i:(?![a-z]))",
    re.IGNORECASE,
)
_IN_HEADERS: Final = frozenset({Mark.CHANNEL, Mark.HEADER_ENDS, Mark.TURN})


class MarkReader:
    """Cuts an answer into text and marks. The name of a speaker or a channel becomes a mark of its meaning."""

    def __init__(self) -> None:
        self._buffer, self._at = "", 0
        self._header: Mark | None = None
        self._name = ""

    def feed(self, piece: str) -> Iterator[Item]:
        """Yield what `piece` makes certain."""
        self._buffer += piece
        yield from self._read()

    def finish(self) -> Iterator[Item]:
        """Yield the rest. A mark of which the end is missing is left out."""
        tail = _TOKEN.search(self._buffer, self._at, partial=True)
        while tail is not None and not tail.partial:
            tail = _TOKEN.search(self._buffer, tail.end(), partial=True)
        if tail is not None and _BROKEN.match(self._buffer, tail.start()):
            self._buffer = self._buffer[: tail.start()]
        self._buffer += "\n"  # the last line is a line
        yield from self._read(last=True)
        if self._header is not None:
            yield from self._named(is_ended=False)

    def _read(self, *, last: bool = False) -> Iterator[Item]:
        while (found := self._next(last=last)) and not found.partial:
            yield from self._plain(self._buffer[self._at : found.start()])
            yield from self._marked(_MARKS[int(found.lastgroup[1:])][0], found.group())
            self._at = found.end()
        end = found.start() if found else len(self._buffer)
        yield from self._plain(self._buffer[self._at : end])
        kept = max(0, end - _CONTEXT)
        self._buffer, self._at = self._buffer[kept:], end - kept

    def _next(self, *, last: bool) -> Any:
        """Return the next mark, or the beginning of one that a later piece may complete, or None."""
        found = _TOKEN.search(self._buffer, self._at, partial=not last)
        if last or found is None or found.partial:
            return found
        # An attribute may contain another mark, which is whole before its tag is.
        since = max(self._at, len(self._buffer) - _LONGEST_TAG)
        begun = (
            _TOKEN.match(self._buffer, each.start(), partial=True)
            for each in _TAG.finditer(self._buffer, since, found.start())
        )
        return next((each for each in begun if each and each.partial), found)

    def _plain(self, text: str) -> Iterator[Item]:
        if self._header is None:
            if text:
                yield None, text
            return
        self._name = (self._name + text).lstrip()
        if "\n" in self._name or len(self._name) > _MOST_HEADER:
            yield from self._named(is_ended=False)

    def _marked(self, mark: Mark, text: str) -> Iterator[Item]:
        if self._header is not None and mark is Mark.NOISE:
            return
        if self._header is not None:
            yield from self._named(is_ended=mark in _IN_HEADERS)
        if mark in {Mark.TURN, Mark.CHANNEL}:
            self._header, self._name = mark, ""
            yield Mark.NOISE, text
        else:
            yield mark, text

    def _named(self, *, is_ended: bool) -> Iterator[Item]:
        """Yield the meaning of the header, and what of its text is not part of it."""
        header, name = self._header, self._name
        self._header, self._name = None, ""
        found = _NAME.match(name)
        kind = found.lastgroup if found else None
        if header is Mark.CHANNEL:
            yield (Mark.FINAL if kind in {"final", "own"} else Mark.CHANNEL_THOUGHT), name
        else:
            yield (Mark.OTHER_TURN if kind == "other" else Mark.OWN_TURN), name
        rest = "" if is_ended else name[found.end() if found else 0 :]
        if rest:
            yield None, rest
