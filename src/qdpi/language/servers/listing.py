"""The models that a server lists, and which of them chat. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

# What the names of models that write no text have in common; `-it`, `instruct` and `chat` name those that do.
_OTHER: Final = re.compile(
    r"embed|(?:^|[/_-])(?:bge|e5|gte|uae|jina|minilm|labse|sbert|instructor)(?:[-_.:]|$)|arctic-embed|sentence-t|"
    r"(?:^|[/_-])(?:\w*bert\w*|t5|xlm-r\w*)(?:[-_.:]|$)|rerank|cross-encoder|colbert|"
    r"whisper|transcri|parakeet|canary|wav2vec|speech|(?:^|[/_.-])(?:tts|stt|asr)(?:[-_.:\d]|$)|kokoro|piper|bark|"
    r"audio|realtime|voice|musicgen|lyria|"
    r"dall-e|gpt-image|(?:^|[/_-])image[-_]?|stable-diffusion|sdxl|(?:^|[/_-])sd\d|flux|imagen|midjourney|diffusion|"
    r"upscal|(?:^|[/_-])clip(?:[-_.:]|$)|siglip|sora|(?:^|[/_-])veo|video|"
    r"moderation|(?:^|[/_-])\w*guard\w*(?:[-_.:]|$)|shield|classif|reward|"
    r"(?:^|[/_-])ocr(?:[-_.:]|$)|detect|segment|babbage-002|davinci-002|computer-use|deep-research|(?:^|[/_-])aqa$",
    re.IGNORECASE,
)
_CHATS: Final = frozenset(
    [
        "chat",
        "chat-completion",
        "chat_completion",
        "completion",
        "completions",
        "language",
        "text-generation",
        "text2text-generation",
        "llm",
        "vlm",
        "base",
        "text",
        "generate",
    ]
)
_KINDS: Final = ("type", "mode", "task", "pipeline_tag", "model_type")


def listed_models(answer: Any) -> list[str]:
    """Return the names in a server's list of models, in its order, those that do not chat left out."""
    return [name for name, entry in _entries(answer) if _chats(name, entry)]


def all_models(answer: Any) -> list[str]:
    """Return every name in a server's list of models."""
    return [name for name, _ in _entries(answer)]


def _entries(answer: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if isinstance(answer, Mapping):
        answer = answer.get("data") or answer.get("models")
    for entry in answer if isinstance(answer, list) else []:
        if isinstance(entry, str):
            entry = {"id": entry}
        if isinstance(entry, Mapping) and (name := entry.get("id") or entry.get("name") or entry.get("model")):
            yield str(name), entry


def _chats(name: str, entry: Mapping[str, Any]) -> bool:
    """Whether a model chats: as its server says where it says so, else by its name."""
    capabilities = entry.get("capabilities")
    if isinstance(capabilities, Mapping) and isinstance(able := capabilities.get("completion_chat"), bool):
        return able  # Mistral
    if isinstance(capabilities, list) and capabilities and all(isinstance(each, str) for each in capabilities):
        return bool({"completion", "completions", "chat", "text-generation"} & set(capabilities))  # Ollama, llama.cpp
    architecture = entry.get("architecture")
    if isinstance(architecture, Mapping) and isinstance(gives := architecture.get("output_modalities"), list):
        return gives == ["text"]  # OpenRouter
    kinds = {str(entry[key]).lower() for key in _KINDS if isinstance(entry.get(key), str)} - {"model"}
    if kinds & _CHATS:
        return True
    if any(_OTHER.search(kind) or kind in {"embeddings", "image", "audio"} for kind in kinds):
        return False
    return not _OTHER.search(name)


_CANNOT_CHAT: Final = re.compile(
    r"not support\w* (?:\w+ )?(?:chat|generat|completion|text)|"
    r"not an? (?:valid )?(?:\w+[ -])?(?:chat|text|generat|completion|causal)|not a valid model for chat|"
    r"embedding|rerank|no chat template|chat completions? .{0,30}not (?:supported|available)",
    re.IGNORECASE,
)


def cannot_chat(words: str) -> bool:
    """Whether a server's refusal says that the model does not chat."""
    return _CANNOT_CHAT.search(words) is not None
