"""docs/glossary.md agrees with the code: what an entry names exists, and the domain's classes have entries."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)[1:]
ENTRIES = [entry for entry in ROWS if not entry[0].startswith("---")]
NAMED = sorted({name for _, _, where in ENTRIES for name in re.findall(r"`([\w.]+)`", where)})
DOMAIN = ("symbols", "policy", "policy.placement", "policy.ring", "journey", "outcome", "events", "topology")


def found(name: str) -> object:
    """Return the module of `qdpi`, or what a module of it holds, under a dotted name. Raises where it is not there."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            thing: object = importlib.import_module(".".join(("qdpi", *parts[:end])))
        except ModuleNotFoundError:
            continue
        for attribute in parts[end:]:
            thing = getattr(thing, attribute)
        return thing
    raise AssertionError(f"There is no module of {name}.")


@pytest.mark.parametrize("name", NAMED)
def test_named_code_exists(name: str):
    """What an entry names is a module of qdpi, or something in one."""
    assert found(name) is not None


def test_entries_are_one_sentence_and_name_code():
    for word, meaning, where in ENTRIES:
        assert re.findall(r"`[\w.]+`", where), word
        assert re.fullmatch(r"[A-Z`].*[^.]\.", meaning), word
        assert ". " not in meaning, word


def test_entries_are_ordered_and_unique():
    words = [word.casefold() for word, _, _ in ENTRIES]
    assert words == sorted(set(words))
    assert len(words) > 60


def test_domain_classes_have_entries():
    """Every public class of the core modules is named by an entry."""
    classes = [
        f"{name}.{each.__name__}"
        for name in DOMAIN
        for each in vars(importlib.import_module(f"qdpi.{name}")).values()
        if inspect.isclass(each) and each.__module__ == f"qdpi.{name}" and not each.__name__.startswith("_")
        if not issubclass(each, Exception)
    ]
    assert len(classes) > 25
    assert sorted(set(classes) - set(NAMED)) == []
