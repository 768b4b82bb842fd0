from __future__ import annotations

import os
from pathlib import Path

import pytest

from qdpi.cluster.tools import find_java, find_maven
from qdpi.errors import ToolMissing


def program(file: Path, body: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def java(file: Path, version: str) -> Path:
    return program(file, f"echo 'openjdk version \"{version}\" 2025-04-15' >&2")


@pytest.mark.process
def test_java_home_comes_first(tmp_path: Path):
    wanted = java(tmp_path / "home" / "bin" / "java", "21.0.2")
    java(tmp_path / "path" / "java", "17.0.15")

    found = find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")})

    assert found == (wanted, 21)


@pytest.mark.process
def test_unsuitable_java_home_is_skipped(tmp_path: Path):
    java(tmp_path / "old" / "bin" / "java", "1.8.0_392")
    java(tmp_path / "new" / "bin" / "java", "24.0.1")
    wanted = java(tmp_path / "path" / "java", "17")

    for home in ("old", "new", "gone"):
        found = find_java({"JAVA_HOME": str(tmp_path / home), "PATH": str(tmp_path / "path")})
        assert found == (wanted, 17)


@pytest.mark.process
def test_missing_java_is_reported_with_a_command(tmp_path: Path):
    old = java(tmp_path / "java", "11.0.22")

    with pytest.raises(ToolMissing) as refused:
        find_java({"PATH": str(tmp_path)})

    assert f"Java 17 (or up to 23) was not found; {old} is 11." in refused.value.detail
    assert "nstall" in refused.value.next_step


@pytest.mark.parametrize(
    ("platform", "command"),
    [
        ("linux", "sudo apt-get install openjdk-17-jre-headless"),
        ("darwin", "brew install openjdk@17 maven"),
        ("freebsd", "Install Java 17"),
    ],
)
def test_install_command_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, command: str):
    monkeypatch.setattr("sys.platform", platform)
    if platform == "linux":
        program(tmp_path / "apt-get", "true")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ToolMissing) as refused:
        find_java(os.environ | {"JAVA_HOME": ""})

    assert command in refused.value.next_step


def test_maven_is_found_on_the_path(tmp_path: Path):
    maven = program(tmp_path / "mvn", "true")

    assert find_maven({"PATH": str(tmp_path)}) == maven
    with pytest.raises(ToolMissing, match="Maven, which fetches the servers, was not found"):
        find_maven({"PATH": str(tmp_path / "empty")})
