"""Find Java and Maven, which fetch and run the servers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from qdpi.errors import ToolMissing

MIN_JAVA: Final = 17
MAX_JAVA: Final = 23
"""The last release with a security manager, which Cassandra 5.0 requires."""
_DEBIAN: Final = {"java": "openjdk-17-jre-headless", "maven": "maven"}


class Java(NamedTuple):
    """A Java installation: its program and its feature release, such as 17."""

    program: Path
    release: int


class Programs(NamedTuple):
    """What a server runs with: Java, and the directory of its jars."""

    java: Java
    jars: Path


def find_java(environ: Mapping[str, str]) -> Java:
    """Return the first suitable Java of JAVA_HOME and PATH.

    Raises `ToolMissing` with the command that installs one.
    """
    found = [Java(program, _release(program)) for program in _programs(environ)]
    for java in found:
        if MIN_JAVA <= java.release <= MAX_JAVA:
            return java
    others = "".join(f"; {java.program} is {java.release or 'not runnable'}" for java in found)
    raise ToolMissing(f"Java {MIN_JAVA} (or up to {MAX_JAVA}) was not found{others}.", next_step=install_hint("java"))


def find_maven(environ: Mapping[str, str]) -> Path:
    """Return Maven's program, from PATH. Raises `ToolMissing` with the command that installs it."""
    maven = shutil.which("mvn", path=environ.get("PATH"))
    if maven is None:
        raise ToolMissing("Maven, which fetches the servers, was not found.", next_step=install_hint("maven"))
    return Path(maven)


def install_hint(tool: str) -> str:
    """Return a sentence with the command that installs `java` or `maven` on this machine."""
    if sys.platform == "darwin":
        return "Run `brew install openjdk@17 maven`, and `export JAVA_HOME=$(brew --prefix openjdk@17)`."
    if shutil.which("apt-get"):
        return f"Run `sudo apt-get install {_DEBIAN[tool]}`."
    return f"Install Java {MIN_JAVA} (found through JAVA_HOME or PATH) and Maven (`mvn` on PATH)."


def _programs(environ: Mapping[str, str]) -> Iterator[Path]:
    home = environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java"
    on_path = shutil.which("java", path=environ.get("PATH"))
    if on_path:
        yield Path(on_path)


def _release(program: Path) -> int:
    """Return the feature release of a Java, 0 if it does not run."""
    try:
        result = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return 0
    version = re.search(r'version "(?:1\.)?(\d+)', result.stderr)
    return int(version[1]) if version else 0
