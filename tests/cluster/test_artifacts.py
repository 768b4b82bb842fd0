from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.cluster.test_tools import program

from qdpi.cluster import Kind
from qdpi.cluster.artifacts import PINNED, VERSIONS, cache_directory, checksums, jars_of, verify
from qdpi.errors import ServicesFailed, ToolMissing

KINDS = list(Kind)
SUMS = {"a.jar": hashlib.sha256(b"a").hexdigest(), "b.jar": hashlib.sha256(b"b").hexdigest()}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}


def directory_of(tmp_path: Path, **files: bytes) -> Path:
    jars = tmp_path / "jars"
    jars.mkdir()
    for name, content in files.items():
        (jars / f"{name}.jar").write_bytes(content)
    return jars


@pytest.mark.parametrize("kind", KINDS)
def test_versions_are_exact_and_jars_have_checksums(kind: Kind):
    pinned = PINNED / VERSIONS[kind]
    pom = ElementTree.parse(pinned / "pom.xml")
    versions = [each.text or "" for each in pom.iter("{http://maven.apache.org/POM/4.0.0}version")]

    assert VERSIONS[kind].partition("-")[2] in versions
    assert all(re.fullmatch(r"\d+(\.\d+)*", version) for version in versions)
    assert len(checksums(pinned)) > 40
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in checksums(pinned).values())
    assert any(name.startswith(str(kind)) for name in checksums(pinned))


def test_complete_jars_are_accepted(tmp_path: Path):
    verify(directory_of(tmp_path, a=b"a", b=b"b"), SUMS)


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"a": b"a", "b": b"changed"}, "b.jar"),
        ({"a": b"a"}, "b.jar"),
        ({"a": b"a", "b": b"b", "c": b"more"}, "c.jar"),
    ],
    ids=["changed", "missing", "unknown"],
)
def test_wrong_jar_is_refused_by_name(tmp_path: Path, files: dict[str, bytes], named: str):
    with pytest.raises(ServicesFailed, match=f"^{named}: the checksums do not match"):
        verify(directory_of(tmp_path, **files), SUMS)


@pytest.mark.process
async def test_wrong_jars_leave_the_cache_empty(tmp_path: Path, environ: dict[str, str]):
    program(
        tmp_path / "bin" / "mvn",
        'for word; do case $word in -DoutputDirectory=*) into="${word#*=}"; esac; done\n'
        'mkdir "$into"; echo x > "$into/evil.jar"',
    )

    with pytest.raises(ServicesFailed, match="the checksums do not match"):
        await jars_of(Kind.KAFKA, environ, lambda line: None)

    assert list(cache_directory(environ).iterdir()) == []


@pytest.mark.process
async def test_maven_error_is_quoted(tmp_path: Path, environ: dict[str, str]):
    program(tmp_path / "bin" / "mvn", "echo '[ERROR] Unknown host'; echo '[ERROR] Help'; exit 1")

    with pytest.raises(ServicesFailed, match="Maven could not fetch the jars: Unknown host"):
        await jars_of(Kind.KAFKA, environ, lambda line: None)

    assert list(cache_directory(environ).iterdir()) == []


async def test_cached_jars_need_no_maven(environ: dict[str, str], put_by: Callable[[dict[str, str]], Path]):
    environ["PATH"] = ""
    with pytest.raises(ToolMissing):
        await jars_of(Kind.KAFKA, environ, lambda line: None)

    ready, result = put_by(environ), list[str]()

    assert await jars_of(Kind.KAFKA, environ, result.append) == ready
    assert result == []


@pytest.fixture
def put_by() -> Callable[[dict[str, str]], Path]:
    def put(environ: dict[str, str]) -> Path:
        listed = (PINNED / VERSIONS[Kind.KAFKA] / "sha256").read_bytes()
        ready = cache_directory(environ) / f"{VERSIONS[Kind.KAFKA]}-{hashlib.sha256(listed).hexdigest()[:8]}"
        ready.mkdir(parents=True)
        return ready

    return put


def test_cache_is_shared_by_data_directories(tmp_path: Path):
    assert cache_directory({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "qdpi" / "jars"
    assert cache_directory({}) == Path.home() / ".cache" / "qdpi" / "jars"
