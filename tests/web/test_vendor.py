"""The vendored files of the reader's page are those that `VENDOR.json` lists, under licences that allow it."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
WEB: Final = ROOT / "src" / "qdpi" / "web"
TOOLS: Final = ROOT / "web-tools"
VENDORED: Final = ("vendor", "fonts")
"""The folders of the page whose files others wrote."""
PERMISSIVE: Final = {"Apache-2.0", "BSD-3-Clause", "ISC", "MIT", "OFL-1.1"}
EXPORTS: Final = {
    "vendor/vendor.js": {
        *("h", "render", "html", "tinykeys"),
        *("signal", "computed", "effect", "untracked"),
        *("useState", "useEffect", "useLayoutEffect", "useMemo", "useRef"),
    },
    "vendor/fuzzy.js": {"uFuzzy"},
    "vendor/ring.js": {"zoom", "zoomIdentity", "zoomTransform", "select"},
    "vendor/hash.js": {"sha256"},
}
"""What the page's own modules import."""
FONTS: Final = (
    *("literata-roman", "literata-italic", "atkinson-roman", "atkinson-italic"),
    *("literata-roman-more", "literata-italic-more"),
)


def listed() -> dict[str, Any]:
    """Return all files and packages of VENDOR.json, the libraries' and the fonts'."""
    parts = json.loads((WEB / "vendor" / "VENDOR.json").read_text(encoding="utf-8")).values()
    return {
        "files": {name: each for part in parts for name, each in part["files"].items()},
        "packages": [package for part in parts for package in part["packages"]],
    }


def locked() -> dict[str, Any]:
    """Return the packages of npm's lock, by their place under node_modules."""
    packages: dict[str, Any] = json.loads((TOOLS / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return {place.removeprefix("node_modules/"): package for place, package in packages.items() if place}


def checksums_on_pypi(package: str) -> tuple[str, str]:
    """Return the version and the checksums of a package in the lock of `make fonts`, written as npm writes them."""
    lock = (ROOT / "requirements" / "fonts.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{package}==(\S+) .*\n((?:    --hash=.*\n)+)", lock, re.MULTILINE)
    assert found is not None, f"{package} is in neither lock"
    hashes = re.findall(r"sha256:(\w+)", found[2])
    return found[1], " ".join(f"sha256-{b64encode(bytes.fromhex(each)).decode()}" for each in hashes)


def sha256(name: str) -> str:
    return hashlib.sha256((WEB / name).read_bytes()).hexdigest()


def test_every_vendored_file_has_the_checksum_that_is_listed():
    """A file of another content, one that is missing and one that nobody listed are found."""
    document = listed()
    checksums = {name: each["sha256"] for name, each in document["files"].items()}
    checksums |= {each["licence_text"]: each["licence_sha256"] for each in document["packages"]}
    there = {
        path.relative_to(WEB).as_posix() for folder in VENDORED for path in (WEB / folder).rglob("*") if path.is_file()
    }

    assert {name: sha256(name) for name in there - {"vendor/VENDOR.json"}} == checksums


def test_every_package_is_permissive_and_ships_its_licence():
    for package in listed()["packages"]:
        assert package["licence"] in PERMISSIVE, package
        text = (WEB / package["licence_text"]).read_text(encoding="utf-8")
        assert re.search("copyright|SIL OPEN FONT LICENSE", text, re.IGNORECASE), package["licence_text"]


def test_packages_are_those_of_the_lock():
    """What was bundled is what npm and pip install and verify: the version and the checksum are equal."""
    lock = {name: (package["version"], package["integrity"]) for name, package in locked().items()}
    for package in listed()["packages"]:
        known = lock.get(package["name"]) or checksums_on_pypi(package["name"])
        assert (package["version"], package["integrity"]) == known


def test_every_file_names_the_packages_in_it():
    document = listed()
    named = {name for each in document["files"].values() for name in each.get("packages", ())}
    assert named == {package["name"] for package in document["packages"]}


def test_the_lock_pins_every_package_by_its_checksum():
    """No address of a registry is in the lock, so that each developer's own is asked."""
    for place, package in locked().items():
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package["integrity"]), place
        assert "resolved" not in package, place
    wanted = json.loads((TOOLS / "package.json").read_text(encoding="utf-8"))
    assert "dependencies" not in wanted, "nothing of npm is shipped: the bundles are"
    for name, version in wanted["devDependencies"].items():
        assert version == locked()[name]["version"], f"{name} is not pinned to one version"


@pytest.mark.parametrize("name", EXPORTS)
def test_a_bundle_exports_what_the_page_imports(name: str):
    document = listed()
    assert set(document["files"][name]["exports"]) == EXPORTS[name]
    declared = (WEB / name).with_suffix(".d.ts").read_text(encoding="utf-8")
    assert all(re.search(rf"\b{each}\b", declared) for each in EXPORTS[name])


@pytest.mark.parametrize("name", EXPORTS)
def test_a_bundle_makes_no_code_of_text(name: str):
    """The page's security policy refuses `eval` and `new Function`; a bundle asks for neither, nor for another file."""
    text = (WEB / name).read_text(encoding="utf-8")
    assert not re.search(r"\beval\s*\(|\bnew\s+Function\b|(?<![.\w])Function\s*\(", text)
    assert not re.search(r"(?<![.\w])import\s*[({\"'*\w]|\bfrom\s*[\"']", text)
    assert "sourceMappingURL" not in text


def test_a_font_is_small_enough_for_a_first_load():
    """A first page loads a roman and an italic: 70 kB together at most."""
    fonts = {name: each["bytes"] for name, each in listed()["files"].items() if name.startswith("fonts/")}
    assert fonts.keys() == {f"fonts/{name}.woff2" for name in FONTS}
    for family in ("literata", "atkinson"):
        assert fonts[f"fonts/{family}-roman.woff2"] + fonts[f"fonts/{family}-italic.woff2"] <= 70_000
    assert all((WEB / name).stat().st_size == size for name, size in fonts.items())
