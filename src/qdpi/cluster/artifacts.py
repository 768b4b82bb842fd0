"""The servers' jars: fetched once per machine through Maven, and verified against known checksums.

`pinned/NAME-VERSION/` holds the pom for Maven and `sha256`, with a line of `sha256sum` for every required jar. Any
other jar is refused. To add a version:

1. Create a folder with its pom.
2. In the folder: `mvn dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=jars`
3. In `jars`: `sha256sum *.jar > ../sha256`
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from qdpi.cluster.setup import Kind
from qdpi.cluster.tools import find_maven
from qdpi.errors import ServicesFailed

PINNED: Final = Path(__file__).parent / "pinned"
VERSIONS: Final = {Kind.KAFKA: "kafka-4.4.0", Kind.CASSANDRA: "cassandra-5.0.8"}


def cache_directory(environ: Mapping[str, str]) -> Path:
    """Return the directory of the jars of all clusters on this machine: qdpi/jars in XDG_CACHE_HOME or ~/.cache."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qdpi" / "jars"


async def jars_of(kind: Kind, environ: Mapping[str, str], progress: Callable[[str], None]) -> Path:
    """Return the directory with a server's jars, after fetching them if they are missing.

    Raises `ToolMissing` without Maven, and `ServicesFailed` if the jars cannot be fetched or fail verification.
    """
    return await pinned_jars(PINNED / VERSIONS[kind], environ, progress)


async def pinned_jars(pinned: Path, environ: Mapping[str, str], progress: Callable[[str], None]) -> Path:
    """Return the directory with the jars pinned in a folder, as `jars_of` does."""
    sums = checksums(pinned)
    # Another list of checksums gets another directory, so an existing directory is complete and verified.
    listed = hashlib.sha256((pinned / "sha256").read_bytes()).hexdigest()[:8]
    ready = cache_directory(environ) / f"{pinned.name}-{listed}"
    if not ready.is_dir():
        progress(f"Fetching {pinned.name} through Maven: {len(sums)} jars, once for this machine")
        await _fetch(pinned, sums, ready, environ)
    return ready


def checksums(pinned: Path) -> dict[str, str]:
    """Return the SHA-256 (hexadecimal) of every jar of a pinned version, by file name."""
    lines = (pinned / "sha256").read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


async def _fetch(pinned: Path, sums: Mapping[str, str], ready: Path, environ: Mapping[str, str]) -> None:
    maven = find_maven(environ)
    ready.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ready.parent) as folder:
        whole = Path(folder) / "jars"
        await _copy_dependencies(maven, pinned / "pom.xml", whole, environ)
        await asyncio.to_thread(verify, whole, sums)
        _put(whole, ready)


async def _copy_dependencies(maven: Path, pom: Path, into: Path, environ: Mapping[str, str]) -> None:
    working = into.parent
    shutil.copy(pom, working / "pom.xml")  # Maven writes beside its pom
    goal = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={into}")
    child = await asyncio.create_subprocess_exec(
        maven, "--batch-mode", "--quiet", *goal, cwd=working, env=environ, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
    )
    try:
        output, _ = await child.communicate()
    except asyncio.CancelledError:
        child.terminate()
        await child.wait()
        raise
    if child.returncode:
        raise ServicesFailed(
            f"Maven could not fetch the jars: {_error_line(output.decode(errors='replace'))}",
            next_step="Check the network and Maven's settings, and try again.",
        )


def _error_line(output: str) -> str:
    lines = [line.removeprefix("[ERROR]").strip() for line in output.splitlines() if line.startswith("[ERROR]")]
    return (lines or output.strip().splitlines()[-1:] or ["no output"])[0][:300]


def verify(jars: Path, sums: Mapping[str, str]) -> None:
    """Verify the files of a directory against their checksums (blocking). Raises `ServicesFailed`."""
    found = {file.name: _digest(file) for file in jars.iterdir()}
    wrong = sorted(name for name in {*sums, *found} if sums.get(name) != found.get(name))
    if wrong:
        raise ServicesFailed(
            f"{', '.join(wrong[:5])}{'…' if len(wrong) > 5 else ''}: the checksums do not match.",
            next_step="Remove them from Maven's local repository (~/.m2/repository) and try again.",
        )


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _put(whole: Path, ready: Path) -> None:
    try:
        whole.rename(ready)
    except OSError:
        if not ready.is_dir():  # else another process was faster with the same jars
            raise
