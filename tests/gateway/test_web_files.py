"""The files of the reader's page under their version."""

import gzip
import re
from pathlib import Path

import httpx
import pytest
from hatchling.builders.wheel import WheelBuilder
from tests.gateway.test_presses import assert_problem
from tests.support.gateway import GatewayFixture, gateway_in

import qdpi
from qdpi.errors import InvalidInput
from qdpi.gateway.middleware import CONTENT_POLICY, SECURITY_HEADERS
from qdpi.gateway.web_files import MEDIA_TYPES, WebFile, WebFiles, shipped_files

ROOT = Path(__file__).parents[2]
WEB = Path(qdpi.__file__).parent / "web"
STYLE = "style/tokens.css"


def files(**contents: bytes) -> WebFiles:
    named = {name.replace("_", "."): body for name, body in contents.items()}
    return WebFiles({name: WebFile(name, body) for name, body in named.items()})


async def asset(gateway: GatewayFixture, name: str = STYLE, **headers: str) -> httpx.Response:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return await gateway.client.get(f"/web/{shipped_files().version}/{name}", headers=named)


def test_version_changes_with_every_file():
    """The version is a function of names and contents."""
    versions = {
        files(a_js=b"1", b_js=b"2").version,
        files(a_js=b"1", b_js=b"3").version,
        files(a_js=b"12", b_js=b"").version,
        files(a_js=b"1", c_js=b"2").version,
        files(a_js=b"1").version,
    }
    assert len(versions) == 5
    assert files(b_js=b"2", a_js=b"1").version == files(a_js=b"1", b_js=b"2").version
    assert re.fullmatch("[0-9a-f]{16}", files(a_js=b"1").version)


def test_every_shipped_file_has_a_media_type():
    assert {each.media_type for each in shipped_files().files.values()} <= set(MEDIA_TYPES.values())
    with pytest.raises(InvalidInput, match="MEDIA_TYPES"):
        assert WebFile("app.exe", b"").media_type


def test_every_file_of_the_folder_is_shipped():
    """What lies in the folder is served, and the wheel has it."""
    there = {str(path.relative_to(WEB)) for path in WEB.rglob("*") if path.is_file()}
    assert there == shipped_files().files.keys()
    packed = {each.distribution_path for each in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {f"qdpi/web/{name}" for name in there} <= packed


async def test_a_file_is_kept_for_ever(tmp_path: Path):
    """A file's address names its version, so a browser asks for it once."""
    async with gateway_in(tmp_path) as gateway:
        answer = await asset(gateway)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == SECURITY_HEADERS["content-security-policy"]
        assert "permissions-policy" not in answer.headers
        same = await asset(gateway, if_none_match=answer.headers["etag"])
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["cache-control"] == answer.headers["cache-control"]


async def test_a_file_is_sent_compressed(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        packed, plain = await asset(gateway, accept_encoding="gzip"), await asset(gateway, accept_encoding="identity")
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.content == plain.content == shipped_files().files[STYLE].served
        assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
        assert packed.headers["etag"] == plain.headers["etag"]
        assert int(packed.headers["content-length"]) < len(plain.content)


@pytest.mark.parametrize(
    ("name", "body", "served"),
    [
        ("a.js", "/** What.\n *  Why. */\nf();\n", "\n\nf();\n"),
        ("a.js", "  // why\n  f(); // here\n", "\n  f(); // here\n"),
        ("a.js", "/* a */ f(); /* b */\n", "/* a */ f(); /* b */\n"),
        ("a.js", "f(/** @type {X} */ (x));\n/** a */\n/* b */", "f(/** @type {X} */ (x));\n\n"),
        ("a.js", 'f("https://host/*", `\\\n*/`);\n', 'f("https://host/*", `\\\n*/`);\n'),
        ("a.css", "/* What. */\n  a { b: url(//host/c) } /* d */", "\n  a { b: url(//host/c) } /* d */"),
        ("a.css", "//host {}", "//host {}"),
        ("a.svg", "/* text */", "/* text */"),
        ("vendor/a.js", "/* kept */", "/* kept */"),
    ],
)
def test_comments_with_lines_of_their_own_are_not_served(name: str, body: str, served: str):
    assert WebFile(name, body.encode()).served.decode() == served


def test_what_is_served_has_its_place_in_the_file():
    """Every line is served as it is in the folder, or empty: an error names the line and column of the file."""
    for name, file in shipped_files().files.items():
        if file.suffix in {".js", ".css"}:
            lines = zip(file.body.decode().split("\n"), file.served.decode().split("\n"), strict=True)
            assert all(served in {"", line} for line, served in lines), name


def test_what_is_compressed_already_is_left_alone():
    """Fonts and pictures are sent as they are, and so is what compression would lengthen."""
    assert WebFile("letters.woff2", b"x" * 5_000).gzipped is None
    assert WebFile("mark.png", b"x" * 5_000).gzipped is None
    assert WebFile("a.js", b"1").gzipped is None
    packed = WebFile("a.js", b"let a;" * 500).gzipped
    assert packed is not None
    assert gzip.decompress(packed) == b"let a;" * 500


@pytest.mark.parametrize(
    "path",
    [
        "style/nothing.css",
        "templates/shell.html",
        "shell.html",
        "",
        "../tokens.css",
        "..%2ftokens.css",
        "%2e%2e/%2e%2e/settings.py",
        "..%2f..%2fgateway%2fapp.py",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "style/tokens.css/",
        "STYLE/TOKENS.CSS",
        "style/tokens.css%00.js",
        "./style/tokens.css%20",
        "..%5c..%5csettings.py",
    ],
)
async def test_nothing_else_is_served(tmp_path: Path, path: str):
    """A name is looked up among the shipped files, so that no path leads out of them."""
    async with gateway_in(tmp_path) as gateway:
        answer = await asset(gateway, path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert "root:" not in answer.text


async def test_another_version_is_not_served(tmp_path: Path):
    """A page that was loaded before an upgrade is told to load again; the refusal is not kept."""
    async with gateway_in(tmp_path) as gateway:
        for version in ("0000000000000000", "-", "..", shipped_files().version.upper() + "x"):
            answer = await gateway.client.get(f"/web/{version}/{STYLE}")
            if version != "..":
                assert "Load the page again" in assert_problem(answer, 404, "unknown_file")["next_step"]
                assert answer.headers["cache-control"] == "no-store"
            assert answer.status_code == 404


def test_policy_allows_own_files_alone():
    """Scripts come from files; text never becomes one."""
    allowed = dict(part.split(" ", 1) for part in CONTENT_POLICY.split("; "))
    assert allowed.pop("require-trusted-types-for") == "'script'"
    assert set(allowed.values()) == {"'none'", "'self'"}
    assert allowed["default-src"] == allowed["base-uri"] == allowed["frame-ancestors"] == "'none'"
    assert allowed["trusted-types"] == "'none'"
