"""The gateway serves the page's modules without comments: TypeScript's own parser finds the same code in both."""

from __future__ import annotations

import json
import subprocess
from typing import Final

import pytest
from tests.web.browser import ROOT
from tests.web.test_state_modules import node

from qdpi.gateway.web_files import shipped_files

pytestmark = pytest.mark.process

TYPESCRIPT: Final = ROOT / "web-tools" / "node_modules" / "typescript" / "lib" / "typescript.js"
ABSENT: Final = "no TypeScript here: install Node 20.19 or newer with npm, then run `make page-types`"
COMPARE: Final = """
import { readFileSync } from "node:fs";
const { default: ts } = await import(process.argv[1]);
const newest = { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext };
const options = { compilerOptions: { ...newest, removeComments: true } };
const codeOf = (text) => ts.transpileModule(text, options).outputText;
const files = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(files.filter(([, body, served]) => codeOf(body) !== codeOf(served)).map(([name]) => name)));
"""


def test_no_line_of_code_is_taken_for_a_comment():
    """Such as a line of a template that begins as a comment does."""
    if not TYPESCRIPT.is_file():
        pytest.skip(ABSENT)
    changed = ["planted.js", "f(`\n// text\n`);", "f(`\n\n`);"]
    shipped = shipped_files().files.items()
    files = [[name, each.body.decode(), each.served.decode()] for name, each in shipped if name.endswith(".js")]

    command = [node(), "--input-type=module", "--eval", COMPARE, TYPESCRIPT.as_uri()]
    given = json.dumps([*files, changed])
    told = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=60).stdout

    assert json.loads(told) == ["planted.js"]
