"""Files in the format GGUF: headers without weights."""

from __future__ import annotations

import struct
from typing import Any

SAYS: dict[str, Any] = {
    "general.architecture": "llama",
    "general.name": " Storyteller 1B ",
    "general.license": "mit",
    "general.quantized": True,
    "llama.context_length": 4_096,
    "llama.rope": 0.5,
    "tokenizer.ggml.scores": [0.5, 0.25],
    "tokenizer.ggml.tokens": ["<s>", "Ġthe", "…"],
    "tokenizer.chat_template": "{{ messages }}",
}


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def entry(value: Any) -> bytes:
    """Return a value with its type, as the specification has it."""
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
    return struct.pack("<IIQ", 9, 6, len(value)) + b"".join(struct.pack("<f", each) for each in value)


def gguf(says: dict[str, Any], *, version: int = 3, count: int | None = None) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, 0, len(says) if count is None else count)
    return head + b"".join(text(key) + entry(value) for key, value in says.items()) + b"\0" * 64
