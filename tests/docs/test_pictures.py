"""docs/images agrees with the terminal reader."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import structlog

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.slow
async def test_pictures_are_current():
    """A committed picture is what `make pictures` draws."""
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        drawn = await module.pictures()
    finally:
        structlog.reset_defaults()  # the pictures' gateway sets up logging, which is the process's
    assert {path.name for path in (DOCS / "images").iterdir()} == set(drawn)
    for name, picture in drawn.items():
        assert (DOCS / "images" / name).read_text(encoding="utf-8") == picture, f"{name} is old: run `make pictures`"
