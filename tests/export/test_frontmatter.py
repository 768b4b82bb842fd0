from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.export.pages import plain, texts

from qdpi import frontmatter


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(texts, plain, min_size=1, max_size=6), texts)
@pytest.mark.slow
def test_values_survive_yaml(values: dict[str, Any], body: str):
    """Any reader of YAML gives what was written."""
    parts = frontmatter.split(frontmatter.write(values, body))

    assert parts is not None
    matter, found = parts
    assert found == body
    assert yaml.safe_load(matter) == values


@pytest.mark.skipif(not hasattr(yaml, "CSafeLoader"), reason="this PyYAML was built without libyaml")
@settings(max_examples=100, deadline=None)
@given(st.dictionaries(texts, plain, min_size=1, max_size=6))
@pytest.mark.slow
def test_values_survive_libyaml(values: dict[str, Any]):
    """libyaml reads the same."""
    parts = frontmatter.split(frontmatter.write(values, ""))

    assert parts is not None
    assert yaml.load(parts[0], yaml.CSafeLoader) == values


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e-7, 1e16, -0.0, 5e-324, 10**40, True, 0.1])
def test_numbers_survive_yaml(value: float):
    """Numbers stay the numbers they are."""
    parts = frontmatter.split(frontmatter.write({"n": value}, ""))

    assert parts is not None
    read = yaml.safe_load(parts[0])["n"]
    assert (read, type(read)) == (value, type(value))


def test_nan_is_written_as_yaml():
    """NaN is written as YAML has it."""
    assert frontmatter.write({"value": math.nan}, "") == "---\nvalue: .nan\n---\n"


def test_hexadecimal_is_written_as_in_the_plan():
    """A hexadecimal is written as the specification writes symbols."""
    written = frontmatter.write({"symbol_code": frontmatter.Hexadecimal(31)}, "")

    assert written == "---\nsymbol_code: 0x1F\n---\n"
    assert yaml.safe_load(written[4:-4]) == {"symbol_code": 31}


def test_other_than_plain_data_is_refused():
    """A value other than plain data is refused."""
    with pytest.raises(TypeError, match="not plain data"):
        frontmatter.write({"when": object()}, "")


@pytest.mark.parametrize("content", ["", "text", "---", "---\nno: end\n", " ---\na: b\n---\n", "\n---\na: b\n---\n"])
def test_split_of_file_without_frontmatter_is_none(content: str):
    """A file without frontmatter has none."""
    assert frontmatter.split(content) is None
