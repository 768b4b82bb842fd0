"""The official JSON schema of AsyncAPI 3.0.0, from its npm package, checked against its hash."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "@asyncapi/specs@6.11.1"
SHA512 = "A3WBLqAKGoJ2+6FWFtpjBlCQ1oFCcs4GxF7zsIGvNqp/klGUHjlA3aAcZ9XMMpLGE8zPeYDz2x9FmO6DSuKraQ=="


def asyncapi_schema(directory: Path) -> dict[str, Any]:
    """Return the schema; skips the test if npm is missing or cannot download it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm here, which brings AsyncAPI's schema")
    command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", str(directory)]
    packed = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if packed.returncode:
        pytest.skip(f"npm cannot bring AsyncAPI's schema here: {packed.stderr.strip()[:200]}")
    archive = next(directory.glob("*.tgz"))
    assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == SHA512
    with tarfile.open(archive) as files:
        schema = files.extractfile("package/schemas/3.0.0.json")
        assert schema is not None
        read: dict[str, Any] = json.load(schema)
        return read
