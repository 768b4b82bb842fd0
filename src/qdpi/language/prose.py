"""Prompts for models that answer in prose, made from DSPy signatures, and the prose in their answers.

An answer's prose has no fences, markers, thoughts or control characters. Imports DSPy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import dspy

from qdpi.errors import InvalidInput

_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_WRAPPING = re.compile(
    r"<think>.*?(?:</think>|\Z)"  # a reasoning model's thoughts, where its server leaves them in the text
    r"|^ *```[\w-]{0,20} *$"
    r"|\[\[ ## \w{1,64} ## \]\]",
    re.DOTALL | re.MULTILINE,
)
_FENCE_BEGUN = re.compile(r" *(?:`{1,2}|```[\w-]{0,20} *)?")
_MARKER_BEGUN = re.compile(r"(?:\[|\[\[[ #\w]{0,72}\]?)\Z")
_MID_LINE = "\0"  # the rest of a line, already released or yet to come; never part of plain text


class ProseAdapter(dspy.Adapter):
    """A DSPy adapter for one output field: the whole completion is its value, without markers.

    The system line is the signature's instructions, demos are turns of the conversation, and the last
    turn is the input: bare when one field has content, else a section for each, headed by the field's
    name and description.
    """

    def format(self, signature: type[dspy.Signature], demos: list[Any], inputs: dict[str, Any]) -> list[dict[str, str]]:
        """Return the messages for one call; demos without an answer are left out.

        Raises InvalidInput where no input field has any content.
        """
        name = _output_field(signature)
        messages = [{"role": "system", "content": signature.instructions}]
        for demo in demos:
            if demo.get(name):
                messages.append({"role": "user", "content": _turn(signature, demo)})
                messages.append({"role": "assistant", "content": str(demo[name]).strip()})
        messages.append({"role": "user", "content": _turn(signature, inputs)})
        return messages

    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, str]:
        """Return the completion's prose under the output field's name."""
        return {_output_field(signature): tidy(completion)}


def _output_field(signature: type[dspy.Signature]) -> str:
    names = list(signature.output_fields)
    if len(names) != 1:
        raise InvalidInput(f"Prose fills one output field; this signature has {len(names)}: {names}.")
    return str(names[0])


def _turn(signature: type[dspy.Signature], values: Mapping[str, Any]) -> str:
    sections = {name: rendered(values.get(name)) for name in signature.input_fields}
    sections = {name: text for name, text in sections.items() if text}
    if not sections:
        raise InvalidInput(f"None of the inputs {list(signature.input_fields)} has any content.")
    if len(sections) == 1:
        return next(iter(sections.values()))
    return "\n\n".join(f"{_heading(signature, name)}:\n{text}" for name, text in sections.items())


def _heading(signature: type[dspy.Signature], name: str) -> str:
    title = name.replace("_", " ").capitalize()
    description = str((signature.input_fields[name].json_schema_extra or {}).get("desc") or "").strip()
    given = description and description != f"${{{name}}}"
    return f"{title} ({description.rstrip('.')})" if given else title


def rendered(value: Any) -> str:
    """Return a value as short readable text: mappings as `key: value` lines, lists as `- item` lines."""
    plain = value.model_dump() if hasattr(value, "model_dump") else value
    if plain is None:
        return ""
    if isinstance(plain, Mapping):
        return "\n".join(f"{key}: {_inline(item)}" for key, item in plain.items() if _inline(item))
    if isinstance(plain, list | tuple | set | frozenset):
        return "\n".join(f"- {_inline(item)}" for item in plain if _inline(item))
    return str(plain).strip()


def _inline(value: Any) -> str:
    plain = value.model_dump() if hasattr(value, "model_dump") else value
    if isinstance(plain, Mapping):
        return "; ".join(f"{key}: {_inline(item)}" for key, item in plain.items() if _inline(item))
    if isinstance(plain, list | tuple | set | frozenset):
        return ", ".join(filter(None, map(_inline, plain)))
    return "" if plain is None else str(plain).strip()


def tidy(said: str) -> str:
    """Return the prose of a whole completion; paragraphs keep their line breaks, tabs become spaces."""
    return _WRAPPING.sub("", _plain(said)).strip()


def _plain(said: str) -> str:
    return _UNWANTED.sub("", said.replace("\t", " "))


class ProseStream:
    """Turns pieces of a completion into pieces of `tidy(completion)`, each as early as it is certain."""

    def __init__(self) -> None:
        self._pending = ""
        self._mid_line = False
        self._begun = False
        self._space = ""

    def feed(self, piece: str) -> str:
        """Return the prose that `piece` makes certain; empty while it may still be wrapping."""
        self._pending += _plain(piece)
        return self._release(_certain_length(self._pending, mid_line=self._mid_line), goes_on=True)

    def finish(self) -> str:
        """Return the rest of the prose, after the last piece."""
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
        """Return `prose` without the white space that begins, or may end, the whole."""
        whole = self._space + prose if self._begun else prose.lstrip()
        given = whole.rstrip()
        self._space = whole[len(given) :]
        self._begun = self._begun or bool(given)
        return given


def _certain_length(pending: str, *, mid_line: bool) -> int:
    """Return how many characters of `pending` cannot be part of wrapping that a later piece completes."""
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
