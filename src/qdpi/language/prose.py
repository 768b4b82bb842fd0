"""Prompts for models that answer in prose, made from DSPy signatures. Imports DSPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dspy

from qdpi.errors import InvalidInput
from qdpi.language.answer import tidy


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
