"""What a GGUF file says of itself, read from its header: name, licence, chat template, tokens.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The package `gguf` reads the same, and takes 1.6 s
for a vocabulary of 49,000 tokens, which are read here in a tenth of one.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from qdpi.errors import InvalidSetting

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = frozenset({2, 3})
_STRING, _ARRAY = 8, 9
_NUMBERS: Final[Mapping[int, str]] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"
}  # fmt: skip
"""The types of numbers, as `struct` writes them."""
_MOST_ENTRIES: Final = 10_000
_MOST_BYTES: Final = 256 << 20
"""The most bytes of a header: those of the largest vocabularies in use are 10 MB."""


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a model's file says of itself; None where it says nothing.

    `tokens` are the vocabulary's pieces by their ids, as the file has them: of a byte-level vocabulary a space is `Ġ`,
    of a SentencePiece one `▁`.
    """

    name: str | None
    licence: str | None
    architecture: str | None
    context_tokens: int | None
    chat_template: str | None
    tokens: tuple[str, ...]
    tokenizer: str | None


def read_header(path: Path) -> GgufHeader:
    """Return the header of a model's file. Raises `InvalidSetting` for a file that is none, or is cut off."""
    try:
        with path.open("rb") as file:
            entries = _Reader(file).entries()
    except OSError as error:
        raise _refused(path, f"it cannot be read: {error.strerror or error}") from error
    except _NotGguf as error:
        raise _refused(path, str(error)) from None
    except (struct.error, EOFError, UnicodeDecodeError, MemoryError):
        raise _refused(path, "it is cut off or damaged") from None
    architecture = _text(entries, "general.architecture")
    context = entries.get(f"{architecture}.context_length")
    return GgufHeader(
        name=_text(entries, "general.name"),
        licence=_text(entries, "general.license"),
        architecture=architecture,
        context_tokens=context if isinstance(context, int) else None,
        chat_template=_text(entries, "tokenizer.chat_template"),
        tokens=tuple(entries.get("tokenizer.ggml.tokens") or ()),
        tokenizer=_text(entries, "tokenizer.ggml.model"),
    )


class _NotGguf(Exception):
    """A file is not in the format."""


class _Reader:
    """Reads a header's entries; what no one asks for is passed over unread."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = min(_MOST_BYTES, os.fstat(file.fileno()).st_size)

    def entries(self) -> dict[str, Any]:
        if self._read(4) != _MAGIC:
            raise _NotGguf("it is no GGUF file")
        version = self._number(4)
        if version not in _VERSIONS:
            raise _NotGguf(f"it is GGUF of version {version}; versions 2 and 3 are read")
        self._number(10)  # of tensors
        count = self._number(10)
        if count > _MOST_ENTRIES:
            raise _NotGguf(f"it lists {count:,} entries")
        return {self._string(): self._value(self._number(4)) for _ in range(count)}

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array()
        return self._number(kind)

    def _array(self) -> list[Any] | None:
        kind, count = self._number(4), self._number(10)
        if kind == _STRING:
            return [self._string() for _ in range(self._bounded(count, 8))]
        if kind == _ARRAY:
            raise _NotGguf("it has arrays of arrays")
        self._skip(self._bounded(count, 1) * struct.calcsize(self._format(kind)))
        return None

    def _string(self) -> str:
        return self._read(self._bounded(self._number(10), 1)).decode("utf-8", "replace")

    def _number(self, kind: int) -> int:
        form = self._format(kind)
        return struct.unpack(form, self._read(struct.calcsize(form)))[0]  # type: ignore[no-any-return]

    def _format(self, kind: int) -> str:
        if kind not in _NUMBERS:
            raise _NotGguf(f"it has a value of the unknown type {kind}")
        return _NUMBERS[kind]

    def _bounded(self, count: int, size: int) -> int:
        if count * size > self._left:
            raise EOFError
        return count

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError
        self._left -= size
        return data

    def _skip(self, size: int) -> None:
        if size > self._left:
            raise EOFError
        self._file.seek(size, os.SEEK_CUR)
        self._left -= size


def _text(entries: Mapping[str, Any], key: str) -> str | None:
    value = entries.get(key)
    return value.strip() or None if isinstance(value, str) else None


def _refused(path: Path, why: str) -> InvalidSetting:
    return InvalidSetting(
        f"QDPI_LOCAL_MODEL is {str(path)!r:.200}: {why}.",
        next_step="Name a whole file of a language model in the format GGUF, or unset it for the small model.",
    )
