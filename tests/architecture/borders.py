"""The borders between the parts of `qdpi`: which part may import which. Read from the code's own import statements."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

SOURCE: Final = Path(__file__).parents[2] / "src"
PACKAGE: Final = "qdpi"

CORE: Final = frozenset(
    {
        "symbols",
        "glyphs",
        "page_schema",
        "pipeline_signatures",
        "events",
        "outcome",
        "journey",
        "ids",
        "topology",
        "policy",
        "errors",
    }
)
"""Values and decisions: pure, with neither I/O nor a framework."""
BASE: Final = frozenset({"concurrency", "retry", "health", "frontmatter", "sqlite", "settings", "observability"})
"""What any part may stand on: helpers of a loop, the settings, logs and metrics."""
FOUNDATION: Final = CORE | BASE

ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(CORE, CORE),
    **dict.fromkeys(BASE, FOUNDATION),
    "search": CORE,
    "measures": CORE | {"search"},
    "language": FOUNDATION | {"api", "measures", "search"},
    "store": FOUNDATION,
    "bus": FOUNDATION,
    "canon": FOUNDATION | {"measures", "search", "store"},
    "program": CORE | {"canon", "language", "measures", "search"},
    "system": FOUNDATION | {"bus", "canon", "search", "store"},
    "services": FOUNDATION | {"bus", "canon", "language", "program", "search", "store", "system"},
    "repair": FOUNDATION | {"bus", "canon", "search", "services", "store", "system"},
    "export": FOUNDATION | {"canon", "search", "services", "store", "system"},
    "api": CORE,
    "asyncapi": CORE,
    "client": CORE | {"api", "retry"},
    "terminal": CORE | {"api", "client", "concurrency"},
    "gateway": FOUNDATION | {"api", "asyncapi", "bus", "canon", "export", "search", "services", "store", "system"},
    "cluster": frozenset({"errors"}),
    "bootstrap": FOUNDATION | {"bus", "canon", "language", "program", "search", "services", "store", "system"},
    "runtime": FOUNDATION | {"bootstrap", "bus", "canon", "gateway", "language", "services", "store", "system"},
    "evaluation": FOUNDATION | {"canon", "client", "measures", "runtime", "search"},
    "counterfactual": FOUNDATION | {"canon", "evaluation", "program", "search", "services", "store", "system"},
    "optimization": FOUNDATION | {"bootstrap", "canon", "evaluation", "language", "program"},
    "cli": FOUNDATION
    | {
        "api",
        "bootstrap",
        "bus",
        "canon",
        "client",
        "cluster",
        "counterfactual",
        "evaluation",
        "export",
        "gateway",
        "language",
        "optimization",
        "program",
        "repair",
        "runtime",
        "services",
        "store",
        "system",
        "terminal",
    },
    "__main__": frozenset({"cli"}),
}
"""Which parts each part may import, itself aside. A part that is not here may import nothing, and a test says so."""

ADAPTERS: Final = ("bus.embedded", "bus.kafka", "store.embedded", "store.cassandra")
"""Packages that only `bootstrap` imports, and the adapter itself."""
NARROW: Final[Mapping[str, tuple[str, ...]]] = {
    "export": ("gateway.routes.export", "gateway.routes.imports", "cli"),
    "gateway": ("runtime", "cli"),
}
"""Parts that only some modules import, beside the part itself."""


class Import(NamedTuple):
    """A module of ours that imports another, both by their names without `qdpi.`, and the line."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer} imports {self.imported} (line {self.line})"


def modules() -> dict[str, Path]:
    """Return every module of the package by its name without `qdpi.`; a package is named as it is imported."""
    found = {}
    for path in sorted((SOURCE / PACKAGE).rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE / PACKAGE).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports() -> Iterator[Import]:
    """Give every import of one of our modules by another."""
    known = modules()
    for importer, path in known.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in _named(node):
                module = name.removeprefix(f"{PACKAGE}.")
                while module not in known and "." in module:
                    module = module.rpartition(".")[0]
                if module in known and module != importer:
                    yield Import(importer, module, node.lineno)  # type: ignore[attr-defined]


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.startswith(f"{PACKAGE}."))
    elif isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith(f"{PACKAGE}."):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(module: str) -> str:
    """Return the part that a module belongs to: the folder or the module at the top of the package."""
    return module.partition(".")[0]


def crossings() -> list[str]:
    """Return every import that crosses a border, as a sentence."""
    found = []
    for each in imports():
        importer, imported = part_of(each.importer), part_of(each.imported)
        if importer == imported or importer == "__init__" or imported == "__init__":
            continue
        if imported not in ALLOWED.get(importer, frozenset()):
            found.append(f"{each}: {importer} must not import {imported}")
        elif imported in NARROW and not _within(each.importer, NARROW[imported]):
            found.append(f"{each}: only {', '.join(NARROW[imported])} may")
    return sorted({*found, *_adapters()})


def _adapters() -> Iterator[str]:
    for each in imports():
        for adapter in ADAPTERS:
            if _within(each.imported, (adapter,)) and not _within(each.importer, (adapter, "bootstrap")):
                yield f"{each}: only bootstrap imports an adapter"


def _within(module: str, places: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{place}.") for place in places)


def cycles() -> list[str]:
    """Return the modules that import each other in a circle, one line a circle, as a depth-first search meets them."""
    graph: dict[str, set[str]] = {}
    for each in imports():
        graph.setdefault(each.importer, set()).add(each.imported)
    return [" → ".join((*circle, circle[0])) for circle in _circles(graph)]


def _circles(graph: Mapping[str, set[str]]) -> Iterator[tuple[str, ...]]:
    done: set[str] = set()
    for start in sorted(graph):
        path: list[str] = []
        stack: list[tuple[str, Iterator[str]]] = []
        if start not in done:
            path.append(start)
            stack.append((start, iter(sorted(graph.get(start, ())))))
        while stack:
            imported = next(stack[-1][1], None)
            if imported is None:
                stack.pop()
                done.add(path.pop())
            elif imported in path:
                yield tuple(path[path.index(imported) :])
            elif imported not in done:
                path.append(imported)
                stack.append((imported, iter(sorted(graph.get(imported, ())))))


def loose_modules() -> list[str]:
    """Return the modules that lie at the top of the package, beside its folders."""
    return sorted(path.stem for path in (SOURCE / PACKAGE).glob("*.py") if not path.stem.startswith("__"))
