"""The prose in a model's answers: without thoughts, turns, control tokens, fences and control characters.

`tidy` is for a whole answer, `ProseStream` for one that arrives in pieces. Joined, its pieces are what `tidy` makes
of the whole.

What is never shown. Marks are taken off wherever pieces cut them. A thought that begins with a mark is dropped as it
arrives. But a chat template may begin the thought for the model. Then the answer has only its end, `</think>`, and all
that came before was a thought that looked like a page. So the beginning of an answer is held back (`Hold`):

- Of every answer, the first 64 characters: about 16 tokens, a third of a second at 50 tokens a second. If they read
  as a thought ("Okay, the user wants ..."), the answer is held until the thought has ended, or the answer has. This
  decides when text is shown, never what: a page that begins like a thought is shown whole, and late.
- Of a model that has sent such a thought before, or has the name of one that does: until the thought has ended.
- Of a model whose thought was shown nevertheless: everything. The call in which that happened ends with
  TextWithdrawn. The next attempt starts the text over, so that no page contains the thought.

`Habits` remembers this for each model while the process runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Enum, IntEnum, auto
from typing import Final

from qdpi.errors import TextWithdrawn
from qdpi.language.markup import Item, Mark, MarkReader
from qdpi.language.port import LanguageModel

BEGINNING: Final = 64
"""How many characters of an answer are held back until it is clear whether they read as a thought."""
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_CUT: Final = "\x1c"  # where something was taken off: white space that plain text does not have
_THINKERS = re.compile(
    r"\br1\b|qwq|think|reason|magistral|minimax-?m\d|nemotron|deepscaler|exaone-deep|marco-o1", re.IGNORECASE
)

_OPENERS: Final = r"(?:okay|ok|alright|all\ right|hmm+|got\ it|understood)\b [,.:;!\s…—-]"
_PLANS: Final = r"""
    (?:let\ me|let['’]?s)\s (?:think|see|start|begin|write|plan|draft|re|craft|consider|break|look|first|analy)
    | thinking\b | (?:my\ |the\ )?thought\ process | analy[sz](?:e|is|ing)\b
    | (?:plan|draft|outline|task|goal|steps?)\b\s?\d?: | \*\* | \#\  | 1[.)]\s
    | (?:write|continue|compose|keep|avoid|use|plan|draft|craft|produce)\b\s .{0,40}
      \b(?:page|scene|voice|passage|words|prose|motif|tone|paragraphs?|style)\b
"""
_DUTIES: Final = r"""
    (?:[\w'’]+[,.]?\s){0,3} (?:we|i)(?:\ |['’])
    (?:need|should|must|have\ to|want\ to\ (?:write|make)|will\ (?:write|keep|continue)
      |(?:am|m|are|re)\ (?:asked|given|to\ (?:write|continue|produce)))\b
"""
_TASK: Final = r"""
    (?:[\w'’]+[,.]?\s){0,6} (?:the|this|a|user['’]s)\s
    (?:user|prompt|reader|request|task|instructions?|constraints?|system\ message|query)\b(?:['’]s)?\s?
    (?:wants?|ask|request|say|is\b|ha[sd]\b|give|need|provide|press|would|must|should|mention|include|require|calls?|:)
    | user\s(?:wants?|asks?|says|requests?|is\b|needs)
    | (?:[\w'’]+[,.]?\s){0,8} (?:page|scene|passage|paragraphs?|words|voice|motif|tone|style|prose)\s
      (?:in|is|are|with|of|should|must|needs?|that)\b .{0,30}
      (?:wanted|asked|needed|required|should|must|voice|requested|style|user)
"""
_ELSEWHERE: Final = r"""
    好 | 嗯 | 用户 | 我们 | 首先 | 这 | おそらく | ユーザー | まず | хорошо\b | пользовател | итак\b
    | l['’]utilisateur | el\ usuario | der\ (?:be)?nutzer
"""
_THINKS_ALOUD = re.compile(
    rf"\W{{0,4}} (?: {_OPENERS} | {_PLANS} | {_DUTIES} | {_TASK} | {_ELSEWHERE} )", re.IGNORECASE | re.VERBOSE
)


class Hold(IntEnum):
    """How much of an answer is held back until it is certain that it is prose."""

    NOTHING = auto()
    BEGINNING = auto()
    THOUGHT = auto()
    EVERYTHING = auto()


def reads_as_thought(beginning: str) -> bool:
    """Return whether the beginning of an answer may be a model's thought about its task.

    It finds too many: it decides only that an answer is shown late.
    """
    return _THINKS_ALOUD.match(beginning.lstrip()) is not None


class Habits:
    """How much of each model's next answer is held back, by its answers so far."""

    def __init__(self) -> None:
        self._learned: dict[str, Hold] = {}
        self._begins_within_thought: set[str] = set()
        """The models whose last whole answer began within a thought."""

    def hold_of(self, model: LanguageModel) -> Hold:
        """Return how much of the next answer of `model` is held back."""
        if not model.capabilities.thinks:
            return Hold.NOTHING
        supposed = Hold.THOUGHT if _THINKERS.search(model.name) else Hold.BEGINNING
        return self._learned.get(model.name, supposed)

    def learn(self, name: str, needed: Hold) -> None:
        """Remember how much of an answer of the model `name` had to be held back. What was needed once stays needed."""
        self._learned[name] = max(needed, self._learned.get(name, Hold.BEGINNING))

    def note_whole(self, name: str, began_within_thought: bool) -> None:
        """Remember of a whole answer of the model `name` whether it began within a thought."""
        (self._begins_within_thought.add if began_within_thought else self._begins_within_thought.discard)(name)

    def stream_of(self, model: LanguageModel, *, is_shown: bool) -> ProseStream:
        """Return the stream of the next answer of `model`, from which this learns. One not shown is held back whole."""
        hold = self.hold_of(model) if is_shown else Hold.EVERYTHING
        return ProseStream(
            hold,
            lambda needed: self.learn(model.name, needed),
            lambda began_within_thought: self.note_whole(model.name, began_within_thought),
            expects_thought=model.name in self._begins_within_thought,
        )


def tidy(said: str) -> str:
    """Return the prose of a whole answer; paragraphs keep their line breaks, tabs become spaces."""
    stream = ProseStream(Hold.EVERYTHING)
    return stream.feed(said) + stream.finish()


class _Region(Enum):
    """What the text at a place of an answer is."""

    PAGE = auto()
    THOUGHT = auto()
    CHANNEL = auto()
    """A thought that ends with its message, not with a mark of its own."""
    OTHER_TURN = auto()
    SKIPPED = auto()
    ENDED = auto()


class _PageText:
    """The page so far, as an answer's marks have it.

    Text after a thought is doubtful while more thoughts have begun than ended: their ends may still come.
    """

    def __init__(self) -> None:
        self._region = _Region.PAGE
        self._open = 0
        self._certain: list[str] = []
        self._doubtful: list[str] = []
        self._has_certain = self._has_doubtful = False
        self._is_chosen = False
        """Whether the answer itself has said which part of it is the page."""
        self.has_given = False
        self.thoughts_ended = 0
        """How often a thought before the page has ended, or the answer has said that its page begins."""
        self.has_thought = False
        self.has_restarted = False
        """Whether text before the page was dropped that nothing had announced."""

    def take(self, mark: Mark | None, text: str) -> None:
        """Take the next text or mark. Raises TextWithdrawn where it says that prose given before was none."""
        if mark is None or (mark is Mark.WORDS_END_THOUGHT and not self._open):
            self._write(text)
        else:
            self._write(_CUT)
            _CHANGES[mark](self, text.strip())

    def give(self) -> str:
        """Return the certain text since the last call."""
        text = "".join(self._certain)
        self._certain.clear()
        self.has_given = self.has_given or not _is_blank(text)
        return text

    def settle(self) -> None:
        """Make doubtful text certain: the answer is complete."""
        self._certain += self._doubtful
        self._drop_doubtful()

    def drop(self, why: str) -> None:
        """Drop all text. Raises TextWithdrawn where some of it has been given."""
        self.has_thought = True
        self.has_restarted = self.has_restarted or self._has_prose
        self._certain.clear()
        self._drop_doubtful()
        self._has_certain = False
        if self.has_given:
            raise TextWithdrawn(f"The text so far was not the page: {why} came after it.")

    @property
    def certain(self) -> str:
        """The certain text that has not been given."""
        return "".join(self._certain)

    @property
    def _has_prose(self) -> bool:
        return self._has_certain or self._has_doubtful

    def _drop_doubtful(self) -> None:
        self._doubtful.clear()
        self._has_doubtful = False

    def _write(self, text: str) -> None:
        if self._region is not _Region.PAGE or (_is_blank(text) and not self._has_prose):
            return
        written = self._doubtful if self._open else self._certain
        if text == _CUT == "".join(written[-1:]):
            return
        written.append(text)
        if self._open:
            self._has_doubtful = self._has_doubtful or not _is_blank(text)
        else:
            self._has_certain = self._has_certain or not _is_blank(text)

    def _note_end(self) -> None:
        # An opened thought within an unopened one says nothing of the text before it.
        self.thoughts_ended += not (self._open or self._has_prose)

    def ignore(self, _: str) -> None:
        """Nothing changes."""

    def begin_thought(self, _: str) -> None:
        """A thought begins, or another one within it."""
        if self._region in {_Region.PAGE, _Region.THOUGHT, _Region.CHANNEL}:
            self._open += 1
            self.has_thought = True
        if self._region is _Region.PAGE:
            self._region = _Region.THOUGHT

    def end_thought(self, mark: str) -> None:
        """A thought ends; without a beginning, all text so far was one."""
        if self._region is _Region.ENDED:
            return
        if self._open:
            self._open -= 1
            self._drop_doubtful()
            self._is_chosen = False
            if self._region is _Region.CHANNEL:
                return
        elif self._region is not _Region.CHANNEL:
            self.drop(f"'{mark}'")
        self._region = _Region.PAGE
        self._note_end()

    def begin_channel_thought(self, _: str) -> None:
        """A thought begins that ends with its message."""
        if self._region in {_Region.PAGE, _Region.OTHER_TURN}:
            self._region, self.has_thought = _Region.CHANNEL, True

    def begin_final(self, mark: str) -> None:
        """The final channel begins: what came before was not the page."""
        if self._is_chosen:
            self._region = _Region.ENDED if self._has_prose else _Region.PAGE
            return
        if self._has_prose:
            self.drop(f"the channel '{mark}'")
        self._open = 0
        self._drop_doubtful()
        self._region, self._is_chosen = _Region.PAGE, True
        self._note_end()

    def begin_page(self, mark: str) -> None:
        """The page begins. Within a thought that may be a mention: then it is doubtful until the answer ends."""
        if self._region is _Region.THOUGHT:
            self._drop_doubtful()
        elif self._region is not _Region.PAGE or self._is_chosen:
            return
        elif self._has_prose and not self._open:
            self.drop(f"'{mark}'")
        self._region, self._is_chosen = _Region.PAGE, True
        self._note_end()

    def end_page(self, _: str) -> None:
        """The page ends."""
        if self._region is _Region.PAGE and self._has_prose:
            self._region = _Region.THOUGHT if self._open else _Region.ENDED
            self._is_chosen = self._is_chosen and not self._open

    def begin_own_turn(self, _: str) -> None:
        """The model's turn begins; after prose it is another one."""
        if self._region is _Region.PAGE and self._has_prose:
            self._region = _Region.ENDED
        elif self._region is _Region.OTHER_TURN:
            self._region = _Region.PAGE

    def begin_other_turn(self, _: str) -> None:
        """The turn of somebody else begins."""
        if self._region is _Region.PAGE:
            self._region = _Region.ENDED if self._has_prose else _Region.OTHER_TURN

    def skip(self, _: str) -> None:
        """Something that is not text begins."""
        if self._region is _Region.PAGE:
            self._region = _Region.SKIPPED

    def end_skip(self, _: str) -> None:
        """Something that is not text ends."""
        if self._region is _Region.SKIPPED:
            self._region = _Region.PAGE

    def end(self, _: str) -> None:
        """The model's turn ends, or a message of it."""
        if self._region in {_Region.PAGE, _Region.SKIPPED}:
            self._region = _Region.ENDED if self._has_prose else _Region.PAGE
        elif self._region is _Region.CHANNEL:
            self._region = _Region.PAGE


_CHANGES: Final = {
    Mark.THOUGHT: _PageText.begin_thought,
    Mark.THOUGHT_ENDS: _PageText.end_thought,
    Mark.WORDS_END_THOUGHT: _PageText.end_thought,
    Mark.CHANNEL_THOUGHT: _PageText.begin_channel_thought,
    Mark.FINAL: _PageText.begin_final,
    Mark.PAGE: _PageText.begin_page,
    Mark.PAGE_ENDS: _PageText.end_page,
    Mark.OWN_TURN: _PageText.begin_own_turn,
    Mark.OTHER_TURN: _PageText.begin_other_turn,
    Mark.SKIP: _PageText.skip,
    Mark.SKIP_ENDS: _PageText.end_skip,
    Mark.END: _PageText.end,
    Mark.HEADER_ENDS: _PageText.ignore,
    Mark.NOISE: _PageText.ignore,
}


class ProseStream:
    """Turns the pieces of one answer into the pieces of its prose, each as early as `hold` allows.

    `learn` is called with what proved to be necessary, `note_whole` with whether a whole answer began within a thought.
    `expects_thought` says that the model's answers begin within a
    thought: one that is cut off before the end of that has no prose.
    """

    def __init__(
        self,
        hold: Hold,
        learn: Callable[[Hold], None] = lambda needed: None,
        note_whole: Callable[[bool], None] = lambda began_within_thought: None,
        *,
        expects_thought: bool = False,
    ) -> None:
        self._hold, self._learn, self._note_whole, self._expects_thought = hold, learn, note_whole, expects_thought
        self._thoughts_ended = 0
        self._marks, self._page, self._spacing = MarkReader(), _PageText(), _Spacing()

    @property
    def has_thought(self) -> bool:
        """Whether a thought was taken off."""
        return self._page.has_thought

    def feed(self, piece: str) -> str:
        """Return the prose that `piece` makes certain; empty while it may still be something else.

        Raises TextWithdrawn where the answer says that prose returned before was none.
        """
        self._take(self._marks.feed(_UNWANTED.sub("", piece.replace("\t", " "))))
        return self._spacing.spaced(self._page.give()) if self._is_released() else ""

    def finish(self, *, cut_off: bool = False) -> str:
        """Return the rest of the prose, after the last piece. `cut_off` says that the answer ended at its limit.

        Raises TextWithdrawn as `feed` does.
        """
        self._take(self._marks.finish())
        if cut_off and self._expects_thought and not self._page.thoughts_ended:
            self._page.drop("the limit of its length")
        self._page.settle()
        self._learn(Hold.THOUGHT if self._page.has_restarted else Hold.BEGINNING)
        if not cut_off:
            self._note_whole(self._page.has_restarted)
        return self._spacing.spaced(self._page.give())

    def _take(self, items: Iterable[Item]) -> None:
        try:
            for mark, text in items:
                self._page.take(mark, text)
        except TextWithdrawn:
            self._learn(Hold.EVERYTHING)
            raise

    def _is_released(self) -> bool:
        if self._hold is Hold.THOUGHT and self._page.thoughts_ended > self._thoughts_ended:
            self._hold = Hold.BEGINNING
        self._thoughts_ended = self._page.thoughts_ended
        if self._hold is Hold.BEGINNING:
            beginning = self._page.certain.replace(_CUT, "").lstrip()
            if len(beginning) >= BEGINNING:
                self._hold = Hold.THOUGHT if reads_as_thought(beginning) else Hold.NOTHING
        return self._hold is Hold.NOTHING


class _Spacing:
    """The white space of the page: none around it, and at most a blank line where something was taken off."""

    def __init__(self) -> None:
        self._space: list[str] = []
        self._has_begun = False

    def spaced(self, text: str) -> str:
        """Return `text` with the white space before it, but for that at its end, which may be the page's."""
        given = text.rstrip()
        if not given:
            self._space.append(text)
            return ""
        whole = "".join([*self._space, given])
        self._space = [text[len(given) :]]
        whole = whole if self._has_begun else whole.lstrip()
        self._has_begun = True
        return re.sub(r"\s+", _joined, whole) if _CUT in whole else whole


def _joined(space: re.Match[str]) -> str:
    if _CUT not in space[0]:
        return space[0]
    lines = space[0].count("\n")
    return "\n" * min(lines, 2) if lines else " " * (space[0] != _CUT * len(space[0]))


def _is_blank(text: str) -> bool:
    """Return whether `text` is empty or white space."""
    return not text or text.isspace()
