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
def test_every_version_is_exact_and_every_jar_has_its_checksum(kind: Kind):
    pinned = PINNED / VERSIONS[kind]
    pom = ElementTree.parse(pinned / "pom.xml")
    versions = [each.text or "" for each in pom.iter("{http://maven.apache.org/POM/4.0.0}version")]

    assert VERSIONS[kind].partition("-")[2] in versions
    assert all(re.fullmatch(r"\d+(\.\d+)*", version) for version in versions)
    assert len(checksums(pinned)) > 40
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in checksums(pinned).values())
    assert any(name.startswith(str(kind)) for name in checksums(pinned))


def test_what_was_fetched_is_taken_when_it_is_all_that_is_listed(tmp_path: Path):
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
def test_a_jar_that_is_not_as_listed_is_refused_by_its_name(tmp_path: Path, files: dict[str, bytes], named: str):
    with pytest.raises(ServicesFailed, match=f"^{named}: the checksums do not match"):
        verify(directory_of(tmp_path, **files), SUMS)


@pytest.mark.process
async def test_a_maven_that_brings_something_else_leaves_nothing_in_the_cache(tmp_path: Path, environ: dict[str, str]):
    program(
        tmp_path / "bin" / "mvn",
        'for word; do case $word in -DoutputDirectory=*) into="${word#*=}"; esac; done\n'
        'mkdir "$into"; echo x > "$into/evil.jar"',
    )

    with pytest.raises(ServicesFailed, match="the checksums do not match"):
        await jars_of(Kind.KAFKA, environ, lambda line: None)

    assert list(cache_directory(environ).iterdir()) == []


@pytest.mark.process
async def test_a_maven_that_fails_is_quoted(tmp_path: Path, environ: dict[str, str]):
    program(tmp_path / "bin" / "mvn", "echo '[ERROR] Unknown host'; echo '[ERROR] Help'; exit 1")

    with pytest.raises(ServicesFailed, match="Maven could not fetch the jars: Unknown host"):
        await jars_of(Kind.KAFKA, environ, lambda line: None)

    assert list(cache_directory(environ).iterdir()) == []


async def test_what_is_in_the_cache_needs_no_maven(environ: dict[str, str], put_by: Callable[[dict[str, str]], Path]):
    environ["PATH"] = ""
    with pytest.raises(ToolMissing):
        await jars_of(Kind.KAFKA, environ, lambda line: None)

    ready, told = put_by(environ), list[str]()

    assert await jars_of(Kind.KAFKA, environ, told.append) == ready
    assert told == []


@pytest.fixture
def put_by() -> Callable[[dict[str, str]], Path]:
    def put(environ: dict[str, str]) -> Path:
        listed = (PINNED / VERSIONS[Kind.KAFKA] / "sha256").read_bytes()
        ready = cache_directory(environ) / f"{VERSIONS[Kind.KAFKA]}-{hashlib.sha256(listed).hexdigest()[:8]}"
        ready.mkdir(parents=True)
        return ready

    return put


def test_the_cache_is_the_machines_and_not_the_data_directorys(tmp_path: Path):
    assert cache_directory({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "qdpi" / "jars"
    assert cache_directory({}) == Path.home() / ".cache" / "qdpi" / "jars"
