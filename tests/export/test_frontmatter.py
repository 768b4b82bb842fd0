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
def test_any_reader_of_yaml_gives_what_was_written(values: dict[str, Any], body: str):
    parts = frontmatter.split(frontmatter.write(values, body))

    assert parts is not None
    matter, found = parts
    assert found == body
    assert yaml.safe_load(matter) == values


@pytest.mark.skipif(not hasattr(yaml, "CSafeLoader"), reason="this PyYAML was built without libyaml")
@settings(max_examples=100, deadline=None)
@given(st.dictionaries(texts, plain, min_size=1, max_size=6))
@pytest.mark.slow
def test_libyaml_reads_the_same(values: dict[str, Any]):
    parts = frontmatter.split(frontmatter.write(values, ""))

    assert parts is not None
    assert yaml.load(parts[0], yaml.CSafeLoader) == values


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e-7, 1e16, -0.0, 5e-324, 10**40, True, 0.1])
def test_numbers_stay_the_numbers_they_are(value: float):
    parts = frontmatter.split(frontmatter.write({"n": value}, ""))

    assert parts is not None
    read = yaml.safe_load(parts[0])["n"]
    assert (read, type(read)) == (value, type(value))


def test_what_is_no_number_stays_none():
    assert frontmatter.write({"value": math.nan}, "") == "---\nvalue: .nan\n---\n"


def test_a_hexadecimal_is_written_as_the_plan_writes_symbols():
    written = frontmatter.write({"symbol_code": frontmatter.Hexadecimal(31)}, "")

    assert written == "---\nsymbol_code: 0x1F\n---\n"
    assert yaml.safe_load(written[4:-4]) == {"symbol_code": 31}


def test_what_is_no_plain_data_is_refused():
    with pytest.raises(TypeError, match="not plain data"):
        frontmatter.write({"when": object()}, "")


@pytest.mark.parametrize("content", ["", "text", "---", "---\nno: end\n", " ---\na: b\n---\n", "\n---\na: b\n---\n"])
def test_a_file_without_frontmatter_has_none(content: str):
    assert frontmatter.split(content) is None
