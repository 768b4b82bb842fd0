"""Which part may import which, and what the house measures: `make house` prints the figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.architecture import borders
from tests.architecture.house import MOST_FILES, MOST_LOOSE, MOST_METHODS, STORE_PORTS, files_of_a_press, methods_of

from qdpi.store import ports


def test_no_import_crosses_a_border():
    assert borders.crossings() == []


def test_no_modules_import_each_other_in_a_circle():
    assert borders.cycles() == []


def test_every_part_has_its_borders():
    parts = {borders.part_of(module) for module in borders.modules()} - {"__init__", "book"}
    assert parts - borders.ALLOWED.keys() == set()
    assert borders.ALLOWED.keys() - parts == set()


def test_few_modules_lie_at_the_top():
    assert len(borders.loose_modules()) <= MOST_LOOSE


@pytest.mark.parametrize("port", STORE_PORTS, ids=lambda port: port.__name__)
def test_a_port_of_the_page_store_has_few_methods(port: type):
    assert 0 < len(methods_of(port)) <= MOST_METHODS


def test_the_page_store_is_its_six_ports():
    own = {name for name in vars(ports.PageStore) if not name.startswith("_")}
    assert set(STORE_PORTS) <= set(ports.PageStore.__mro__)
    assert own == set()


@pytest.mark.parametrize(
    ("importer", "imported", "verdict"),
    [
        ("policy", "search.text", "policy must not import search"),
        ("services.enricher", "repair.scan", "services must not import repair"),
        ("client.http", "gateway.problems", "client must not import gateway"),
        ("gateway.presses", "export.twee", "only gateway.routes.export, gateway.routes.imports, cli may"),
        ("services.ingest", "store.embedded.canon", "only bootstrap imports an adapter"),
    ],
)
def test_a_crossing_is_found_and_named(importer: str, imported: str, verdict: str, monkeypatch: pytest.MonkeyPatch):
    planted = [borders.Import(importer, imported, 3)]
    monkeypatch.setattr(borders, "imports", lambda: iter(planted))
    (found,) = borders.crossings()
    assert found == f"{importer} imports {imported} (line 3): {verdict}"


def test_a_circle_is_found(monkeypatch: pytest.MonkeyPatch):
    planted = [borders.Import("a", "b", 1), borders.Import("b", "c", 1), borders.Import("c", "a", 1)]
    monkeypatch.setattr(borders, "imports", lambda: iter(planted))
    assert borders.cycles() == ["a → b → c → a"]


@pytest.mark.slow
async def test_a_press_enters_few_files(tmp_path: Path):
    """A press on the embedded bus and store, from its HTTP request to its page on the stream, enters few files."""
    assert 40 < len(await files_of_a_press(tmp_path)) <= MOST_FILES
