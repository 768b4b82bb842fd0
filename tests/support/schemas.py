"""Values that a JSON schema admits, and values that it does not, for the schemas that our OpenAPI document has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

Schema = Mapping[str, Any]


def is_time(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.fromisoformat(value.replace(" ", "+")))


FORMATS = FormatChecker(formats=())
FORMATS.checks("date-time", raises=ValueError)(is_time)


LETTERS = st.characters(codec="latin-1")
"""Patterns say of scripts only as much as every language's regular expressions can."""
BEGINNING, NOW = datetime(1970, 1, 1), datetime(2026, 1, 1)  # noqa: DTZ001 (the strategy wants them so)


def admitted(schema: Schema, definitions: Mapping[str, Schema]) -> st.SearchStrategy[Any]:
    """Return a strategy for the values that a schema admits."""
    if "$ref" in schema:
        return admitted(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return st.one_of([admitted(option, definitions) for option in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("type") == "object":
        return _objects(schema, definitions)
    if schema.get("type") == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    return st.none() if schema.get("type") == "null" else _texts(schema)


def _objects(schema: Schema, definitions: Mapping[str, Schema]) -> st.SearchStrategy[Any]:
    fields = {name: admitted(field, definitions) for name, field in schema["properties"].items()}
    required = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=fields)


def _texts(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        return st.datetimes(BEGINNING, NOW).map(lambda at: at.replace(tzinfo=UTC).isoformat())
    least, most = schema.get("minLength", 0), schema.get("maxLength", 10_000)
    if "pattern" not in schema:
        return st.text(LETTERS, min_size=least, max_size=min(most, 100))
    # without anchors, where "$" would admit a line feed after it
    texts = st.from_regex(
        re.compile(schema["pattern"].removeprefix("^").removesuffix("$")), fullmatch=True, alphabet=LETTERS
    )
    return texts.filter(lambda text: least <= len(text) <= most)


def refused(schema: Schema, definitions: Mapping[str, Schema]) -> st.SearchStrategy[Any]:
    """Return a strategy for texts, and whole numbers as texts, that a schema does not admit."""
    validator = Draft202012Validator({**schema, "components": {"schemas": definitions}}, format_checker=FORMATS)
    numbers = st.integers(-(10**20), 10**20).map(str)
    odd = st.sampled_from(
        ["", " ", "-1", "0x", "256", "17", "T4", "XQ", "a b", "a:b", "é", "\x00", "x" * 5_000, "1,99"]
    )
    return st.one_of(numbers, odd, st.text(LETTERS, max_size=80)).filter(
        lambda text: not any(validator.is_valid(form) for form in _forms(text))
    )


def _forms(text: str) -> list[Any]:
    """Return what a parameter's text may stand for."""
    return [text, int(text)] if re.fullmatch(r"-?[0-9]{1,25}", text.strip()) else [text]
