"""The header of a model's file: what it says, and that any other file is refused with its cause."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from tests.support.gguf_files import SAYS, gguf, text

from qdpi.errors import InvalidSetting
from qdpi.language.gguf import read_header
from qdpi.language.local import LocalModel, kind_of
from qdpi.settings import LocalKind


def put(directory: Path, data: bytes, name: str = "model.gguf") -> Path:
    path = directory / name
    path.write_bytes(data)
    return path


def test_header_says_what_the_file_is(tmp_path: Path) -> None:
    header = read_header(put(tmp_path, gguf(SAYS)))
    assert (header.name, header.licence, header.architecture) == ("Storyteller 1B", "mit", "llama")
    assert (header.context_tokens, header.chat_template) == (4_096, "{{ messages }}")
    assert header.tokens == ("<s>", "Ġthe", "…")


def test_header_may_say_nothing(tmp_path: Path) -> None:
    header = read_header(put(tmp_path, gguf({})))
    assert (header.name, header.licence, header.context_tokens, header.tokens) == (None, None, None, ())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cut off"),
        (b"PK\x03\x04", "no GGUF"),
        (gguf(SAYS)[:60], "cut off"),
        (gguf(SAYS, version=1), "version 1"),
        (gguf(SAYS, count=2**40), "lists 1,099,511,627,776 entries"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IQ", 8, 2**60), "cut off"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<I", 99), "unknown type 99"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 8, 2**50), "cut off"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 9, 1), "arrays of arrays"),
    ],
)
def test_file_that_is_no_model_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    """However it lies about its sizes."""
    with pytest.raises(InvalidSetting, match=why) as refused:
        read_header(put(tmp_path, data))
    assert "QDPI_LOCAL_MODEL" in refused.value.detail
    assert refused.value.next_step


@pytest.mark.parametrize("name", ["absent.gguf", "."])
def test_path_without_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidSetting, match="cannot be read"):
        read_header(tmp_path / name)


@pytest.mark.parametrize(
    ("file", "says", "kind"),
    [
        ("Storyteller-1B-Instruct.Q4_K_M.gguf", {}, LocalKind.INSTRUCT),
        ("gemma-3-270m-it-q8_0.gguf", {}, LocalKind.INSTRUCT),
        ("storyteller-base.gguf", SAYS, LocalKind.BASE),
        ("model.gguf", SAYS | {"general.name": "Storyteller Chat"}, LocalKind.INSTRUCT),
        ("model.gguf", SAYS | {"general.name": "Storyteller 1B pt"}, LocalKind.BASE),
        ("model.gguf", SAYS, LocalKind.INSTRUCT),
        ("orbit-spirit.gguf", {}, LocalKind.BASE),
    ],
)
def test_kind_is_told_by_names_else_by_a_chat_template(
    tmp_path: Path, file: str, says: dict[str, Any], kind: LocalKind
) -> None:
    path = put(tmp_path, gguf(says), file)
    assert kind_of(path, lambda: read_header(path)) is kind


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Storyteller-1B-Instruct.Q4_K_M.gguf", "local/storyteller-1b-instruct"),
        ("My Model (v2).gguf", "local/my-model-v2"),
        ("base-f16.gguf", "local/base"),
    ],
)
def test_name_is_that_of_the_file(tmp_path: Path, file: str, name: str) -> None:
    assert LocalModel(put(tmp_path, gguf(SAYS), file), timeout=1).name == name


@pytest.mark.parametrize(
    ("kind", "size", "follows"),
    [(None, 0, False), (None, 600 << 20, True), (LocalKind.INSTRUCT, 0, True), (LocalKind.BASE, 600 << 20, False)],
)
def test_model_follows_instructions_where_it_is_large_or_said_to(
    tmp_path: Path, kind: LocalKind | None, size: int, follows: bool
) -> None:
    """A small instructed model continues prose better than it follows a prompt of many parts."""
    path = put(tmp_path, gguf(SAYS))
    with path.open("ab") as file:
        file.truncate(max(size, path.stat().st_size))  # takes no room on the disk
    assert LocalModel(path, timeout=1, kind=kind).capabilities.plans is follows
