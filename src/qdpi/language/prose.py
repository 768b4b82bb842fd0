"""From what a model says to the prose it means: no fences, markers, thoughts or control characters."""

from __future__ import annotations

import re

_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_WRAPPING = re.compile(
    r"<think>.*?(?:</think>|\Z)"  # a reasoning model's thoughts, where its server leaves them in the text
    r"|^ *```[\w-]{0,20} *$"
    r"|\[\[ ## \w{1,64} ## \]\]",
    re.DOTALL | re.MULTILINE,
)
_FENCE_BEGUN = re.compile(r" *(?:`{1,2}|```[\w-]{0,20} *)?")
_MARKER_BEGUN = re.compile(r"(?:\[|\[\[[ #\w]{0,72}\]?)\Z")
_MID_LINE = "\0"  # stands for the rest of a line, which is out already or yet to come; no plain text has it


def tidy(said: str) -> str:
    """The prose in a whole completion; paragraphs keep their line breaks, tabs become spaces."""
    return _WRAPPING.sub("", _plain(said)).strip()


def _plain(said: str) -> str:
    return _UNWANTED.sub("", said.replace("\t", " "))


class ProseStream:
    """Pieces of a completion in, pieces of `tidy(completion)` out, each as early as it is certain."""

    def __init__(self) -> None:
        self._pending = ""
        self._mid_line = False
        self._begun = False
        self._space = ""

    def feed(self, piece: str) -> str:
        """The prose that `piece` makes certain; empty while it may still turn out to be wrapping."""
        self._pending += _plain(piece)
        return self._release(_certain_length(self._pending, mid_line=self._mid_line), goes_on=True)

    def finish(self) -> str:
        """The prose still held back when the completion has ended."""
        return self._release(len(self._pending), goes_on=False)

    def _release(self, length: int, *, goes_on: bool) -> str:
        head, self._pending = self._pending[:length], self._pending[length:]
        if not head:
            return ""
        before = _MID_LINE if self._mid_line else ""
        self._mid_line = not head.endswith("\n")
        after = _MID_LINE if self._mid_line and goes_on else ""
        prose = _WRAPPING.sub("", before + head + after).strip(_MID_LINE)
        return self._stripped(prose)

    def _stripped(self, prose: str) -> str:
        """`prose` without the white space that would begin or may yet end the whole."""
        whole = self._space + prose if self._begun else prose.lstrip()
        given = whole.rstrip()
        self._space = whole[len(given) :]
        self._begun = self._begun or bool(given)
        return given


def _certain_length(pending: str, *, mid_line: bool) -> int:
    """How much of `pending` can no longer be part of wrapping that the next piece completes."""
    return min(_thought_begins(pending), _fence_begins(pending, mid_line=mid_line), _marker_begins(pending))


def _thought_begins(pending: str) -> int:
    opening = "<think>"
    begins = pending.find(opening, pending.rfind("</think>") + 1)
    if begins >= 0:
        return begins
    tails = (len(pending) - n for n in range(len(opening) - 1, 0, -1) if pending.endswith(opening[:n]))
    return next(tails, len(pending))


def _fence_begins(pending: str, *, mid_line: bool) -> int:
    line = pending.rfind("\n") + 1
    if line == 0 and mid_line:
        return len(pending)
    return line if _FENCE_BEGUN.fullmatch(pending, line) else len(pending)


def _marker_begins(pending: str) -> int:
    found = _MARKER_BEGUN.search(pending, max(0, len(pending) - 80))
    return found.start() if found else len(pending)
