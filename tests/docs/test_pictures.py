"""docs/images agrees with both readers, and each picture is shown in a document."""

from __future__ import annotations

import importlib.util
import struct
import sys
from pathlib import Path
from types import ModuleType

import pytest
import structlog
from tests.web.browser import CHROMIUM_ABSENT, chromium

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    """The program behind `make pictures`."""
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "docs" / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # where its dataclass looks for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def _logs():
    """The pictures' gateway sets up logging, which is the process's."""
    yield
    structlog.reset_defaults()


def size_of(png: bytes) -> tuple[int, int]:
    """Return the width and height of a PNG, in pixels."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.slow
@pytest.mark.usefixtures("_logs")
async def test_pictures_of_the_terminal_are_current(pictures: ModuleType):
    """A committed picture is what `make pictures` draws."""
    for name, drawn in (await pictures.terminal_pictures()).items():
        assert (IMAGES / name).read_bytes() == drawn, f"{name} is old: run `make pictures`"


@pytest.mark.long
@pytest.mark.web
@pytest.mark.usefixtures("_logs")
async def test_pictures_of_the_browser_can_be_drawn_again(pictures: ModuleType):
    """At the sizes of the committed ones; letters differ by machine, and so the bytes do."""
    if chromium() is None:
        pytest.skip(CHROMIUM_ABSENT)

    drawn = await pictures.browser_pictures()

    assert {name: size_of(png) for name, png in drawn.items()} == {
        name: size_of((IMAGES / name).read_bytes()) for name in pictures.WINDOWS
    }


def test_every_picture_is_shown_in_a_document(pictures: ModuleType):
    """There are those that `make pictures` draws, and no other."""
    committed = {path.name for path in IMAGES.iterdir()}
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = "".join(path.read_text(encoding="utf-8") for path in documents)

    assert committed == {"page.svg", "symbols.svg", *pictures.WINDOWS}
    assert [name for name in sorted(committed) if f"images/{name}" not in shown] == []
