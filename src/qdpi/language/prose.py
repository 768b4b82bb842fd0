"""Prompts for models that answer in prose, made from DSPy signatures. Imports DSPy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import dspy

from qdpi.errors import InvalidInput
from qdpi.language.answer import tidy
from qdpi.measures.checks import foreign_marks


class ProseAdapter(dspy.Adapter):
    """A DSPy adapter for one output field: the whole completion is its value, without markers.

    The system line is the signature's instructions, demos are turns of the conversation, and the last turn is the
    input: bare when one field has content, else a section for each, in a tag of the field's name under its description.
    No value can forge a section: the tags are broken within it, and so is whatever looks like a control token.
    """

    def format(self, signature: type[dspy.Signature], demos: list[Any], inputs: dict[str, Any]) -> list[dict[str, str]]:
        """Return the messages for one call; demos without a question or an answer are left out.

        Raises InvalidInput where no input field has any content.
        """
        name = _output_field(signature)
        messages = [{"role": "system", "content": signature.instructions}]
        for demo in answered(signature, demos):
            messages.append({"role": "user", "content": _turn(signature, demo)})
            messages.append({"role": "assistant", "content": str(demo[name]).strip()})
        messages.append({"role": "user", "content": _turn(signature, inputs)})
        return messages

    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, str]:
        """Return the completion's prose under the output field's name."""
        return {_output_field(signature): tidy(completion)}


def answered(signature: type[dspy.Signature], demos: list[Any]) -> list[Any]:
    """Return the demos with a question and an answer; optimisers also give predictors what is a demo of others."""
    name = _output_field(signature)
    asked = [demo for demo in demos if any(rendered(demo.get(each)) for each in signature.input_fields)]
    return [demo for demo in asked if rendered(demo.get(name))]


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
        return without_tokens(next(iter(sections.values())))
    tag = re.compile(rf"<(?=\s*/?\s*(?:{'|'.join(signature.input_fields)})\s*>)", re.IGNORECASE)
    return "\n\n".join(
        f"{_heading(signature, name)}<{name}>\n{tag.sub('‹', without_tokens(text))}\n</{name}>"
        for name, text in sections.items()
    )


def without_tokens(text: str) -> str:
    """Return a text in which no chat template finds a control token: whatever looks like one is broken by a space."""
    for mark in sorted(set(foreign_marks(text)), key=len, reverse=True):
        text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def _heading(signature: type[dspy.Signature], name: str) -> str:
    """Return what a section is, as a line of its own; "" where the signature does not say it."""
    description = str((signature.input_fields[name].json_schema_extra or {}).get("desc") or "").strip()
    if not description or description == f"${{{name}}}":
        return ""
    return f"{description[0].upper()}{description[1:].rstrip('.')}:\n"


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
