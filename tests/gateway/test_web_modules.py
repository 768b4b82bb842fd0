"""Which modules of the script a page loads first: what its entry imports, and what those import."""

from __future__ import annotations

import pytest

from qdpi.errors import InvalidInput
from qdpi.gateway.web_files import WebFile, WebFiles, shipped_files
from qdpi.gateway.web_modules import ENTRY, first_load


def files(**contents: str) -> WebFiles:
    """Return files, named with `__` for a slash."""
    named = {f"{name.replace('__', '/')}.js": text.encode() for name, text in contents.items()}
    return WebFiles({name: WebFile(name, body) for name, body in named.items()})


def test_imports_are_followed_through_folders():
    found = first_load(
        files(
            app='import { a } from "./views/a.js";\nimport "./b.js";',
            b="export * from './views/c.js';",
            views__a='import {\n  one,\n  two,\n} from "../b.js";\nimport d from "./d.js";',
            views__c="",
            views__d='import "../app.js";',
            views__unused="",
        )
    )
    assert found == ("app.js", "views/a.js", "b.js", "views/d.js", "views/c.js")


@pytest.mark.parametrize(
    "text",
    [
        'const later = () => import("./b.js");',
        '/** @typedef {import("./b.js").B} B */',
        '// import "./b.js";',
        ' * import { b } from "./b.js";',
        'export const from = "./b.js";',
        'export function importer() {}\nconst x = "./b.js";',
    ],
)
def test_what_is_loaded_later_or_never_is_not_loaded_first(text: str):
    assert first_load(files(app=text, b="")) == ("app.js",)


@pytest.mark.parametrize("path", ["./b.js", "./B.js", "./b", "preact", "../app.js", "https://host/a.js"])
def test_an_import_of_nothing_is_named(path: str):
    with pytest.raises(InvalidInput, match=f"app.js imports '{path}'"):
        first_load(files(app=f'import "{path}";'))


def test_without_an_entry_there_is_no_script():
    assert first_load(files(b="")) == ()


def test_the_shipped_modules_are_all_found():
    """Each view that the desk has from the first is among them; the ring's libraries are loaded with the ring."""
    found = first_load(shipped_files())
    assert found[0] == ENTRY
    assert {"vendor/vendor.js", "views/desk.js", "views/reading.js", "state/fold.js"} <= set(found)
    assert "vendor/ring.js" not in found
