"""The documents agree with the code: generated pages, settings, topics, commands, routes, links and paths."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

from qdpi.cli import cli
from qdpi.events import TOPICS
from qdpi.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
WRITTEN = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current(generate: ModuleType):
    """A committed page is what `make docs` writes."""
    for name, text in generate.pages().items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, f"docs/{name} is old: run `make docs`"


def test_pages_of_commands(generate: ModuleType):
    """Every command has a page, and no page is left of a command that is gone."""
    generated = {name for name in generate.pages() if name.startswith("commands/")}
    assert {f"commands/{page.name}" for page in (ROOT / "docs" / "commands").iterdir()} == generated


def test_settings_are_documented():
    assert [s.variable for s in SETTINGS if f"`{s.variable}`" not in WRITTEN] == []


def test_topics_events_and_fields_are_documented():
    for spec in TOPICS.values():
        assert f"`{spec.name}`" in WRITTEN
        assert f"`{spec.model.__name__}`" in WRITTEN
        assert [name for name in spec.model.model_fields if f"`{name}`" not in WRITTEN] == []


def test_commands_are_documented():
    names = cli.list_commands(click.Context(cli))
    assert len(names) >= 10
    assert [name for name in names if f"`qdpi {name}`" not in WRITTEN] == []


def test_routes_are_documented(generate: ModuleType):
    paths = generate.openapi()["paths"]
    assert "/api/v1/event/ui/symbol" in paths
    assert [path for path in paths if f"`{path}`" not in WRITTEN] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_exist(page: Path):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_headings_exist(page: Path):
    links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    assert [f"{file}#{to}" for file, to in links if to not in anchors_of(page.parent / file if file else page)] == []


ROOTS = (ROOT, ROOT / "src" / "qdpi", ROOT / "docs")
"""The folders that a document's paths may be relative to."""
OTHERS = {"pages/00001-a-title.md", "canon/S01-P0001.md"}
"""Paths in the documents that are no files of ours."""
FILE = r"(?:[\w.-]+/)*[\w-]+\.(?:py|md|cql|toml|txt|yaml|svg)"
FOLDER = r"(?:[\w.-]+/)+"


def paths_named(page: Path) -> set[str]:
    """Return what looks like a path of this repository: in backticks, and files and folders in diagrams."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = {span for span in re.findall(r"`([^`\n]+)`", prose) if re.fullmatch(rf"{FILE}|{FOLDER}", span)}
    drawn = {path for block in blocks for path in re.findall(rf"(?<![\w./-]){FILE}(?![\w/])", block)}
    trees = {
        f"{top}{inner}"
        for top, rest in (block.partition("\n")[::2] for block in blocks)
        if re.fullmatch(FOLDER, top) and (ROOT / top).is_dir()
        for line in re.findall(rf"^  ((?:{FOLDER} +)+)", rest, re.MULTILINE)
        for inner in line.split()
    }
    code = {path for path in drawn if path.endswith((".py", ".cql"))}
    return {path for path in spans | code | trees if "NAME" not in path} - OTHERS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_in_documents_exist(page: Path):
    """Every file and folder of the repository that a document names exists."""
    assert [p for p in sorted(paths_named(page)) if not any((root / p).exists() for root in ROOTS)] == []


def test_paths_in_documents_are_found():
    """The test above finds paths in prose and in trees."""
    assert {"services/enricher.py", "repair/"} <= paths_named(ROOT / "docs" / "architecture.md")
    assert {"src/qdpi/policy/", "src/qdpi/program/"} <= paths_named(ROOT / "CONTRIBUTING.md")


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {word for call in re.findall(r"`make ([a-z -]+?)`", WRITTEN) for word in call.split()}
    assert named
    assert named - targets == set()


def test_subcommands_exist():
    commands = set(cli.list_commands(click.Context(cli)))
    named = set(re.findall(r"(?:^\$ |`)qdpi ([a-z][a-z-]+)", WRITTEN, re.MULTILINE))
    assert named - commands == set()
