"""A server's list of models: which of them chat."""

from __future__ import annotations

from typing import Any

import pytest

from qdpi.language.servers.listing import all_models, cannot_chat, listed_models

CHATTING = [
    "gpt-4.1-mini",
    "gpt-5",
    "o3-mini",
    "llama3.2:3b",
    "qwen3:4b",
    "mistral-small-latest",
    "gemma-3-27b-it",
    "deepseek-r1",
    "deepseek-chat",
    "Phi-4-mini-instruct",
    "meta-llama/Llama-3.3-70B-Instruct",
    "HuggingFaceTB/SmolLM2-135M-Instruct",
    "openai/gpt-oss-20b",
    "grok-4",
    "kimi-k2",
    "glm-4.6",
    "magistral-small",
    "storyteller",
    "default",
    "models/gemini-2.5-flash",
    "/models/mistral-7b-instruct-v0.3.Q4_K_M.gguf",
    "command-r-plus",
    "hermes-3",
    "yi-34b-chat",
    "granite-4.0-h-tiny",
]
MUTE = [
    "nomic-embed-text",
    "text-embedding-3-small",
    "mxbai-embed-large:latest",
    "bge-m3",
    "BAAI/bge-large-en-v1.5",
    "intfloat/e5-large-v2",
    "all-minilm:l6-v2",
    "sentence-transformers/all-MiniLM-L6-v2",
    "bge-reranker-v2-m3",
    "cohere/rerank-v3.5",
    "whisper-1",
    "whisper-large-v3-turbo",
    "tts-1-hd",
    "gpt-4o-mini-tts",
    "gpt-4o-transcribe",
    "gpt-4o-realtime-preview",
    "gpt-4o-audio-preview",
    "dall-e-3",
    "gpt-image-1",
    "stable-diffusion-xl-base-1.0",
    "black-forest-labs/FLUX.1-dev",
    "sora-2",
    "omni-moderation-latest",
    "meta-llama/Llama-Guard-4-12B",
    "llama-guard3:1b",
    "shieldgemma-2b",
    "mistral-ocr-latest",
    "google-bert/bert-base-uncased",
    "ModernBERT-base",
    "t5-small",
    "jina-embeddings-v3",
    "gte-large",
    "snowflake-arctic-embed2",
    "davinci-002",
    "models/aqa",
    "models/imagen-4.0-generate-001",
    "models/veo-3.0",
    "clip-vit-base",
    "kokoro-82m",
    "orpheus-tts",
    "playai-tts",
]


def test_names_of_models_that_chat_and_of_others() -> None:
    listed = {"data": [{"id": name, "object": "model"} for name in [*MUTE, *CHATTING]]}
    assert listed_models(listed) == CHATTING
    assert all_models(listed) == [*MUTE, *CHATTING]


@pytest.mark.parametrize(
    ("entry", "chats"),
    [
        ({"id": "x", "capabilities": {"completion_chat": True}}, True),
        ({"id": "x", "capabilities": {"completion_chat": False, "completion_fim": True}}, False),
        ({"id": "x", "capabilities": ["completion", "vision"]}, True),
        ({"id": "x", "capabilities": ["embedding"]}, False),
        ({"id": "x", "architecture": {"output_modalities": ["text"]}}, True),
        ({"id": "x", "architecture": {"output_modalities": ["image", "text"]}}, False),
        ({"id": "x", "type": "embeddings"}, False),
        ({"id": "x", "type": "image"}, False),
        ({"id": "embed-chat", "type": "chat"}, True),
        ({"id": "x", "type": "llm"}, True),
        ({"id": "x", "mode": "audio_transcription"}, False),
        ({"id": "x", "task": "text-generation"}, True),
        ({"id": "x", "object": "model", "type": "model"}, True),
    ],
)
def test_what_a_server_says_of_a_model_counts_before_its_name(entry: dict[str, Any], chats: bool) -> None:
    assert bool(listed_models({"data": [entry]})) is chats


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ({"data": [{"id": "a"}]}, ["a"]),
        ({"models": [{"name": "a"}, {"model": "b"}]}, ["a", "b"]),
        ([{"id": "a"}], ["a"]),
        (["a", "b"], ["a", "b"]),
        ({"data": None}, []),
        ({"data": [{}, None, 7, {"id": ""}]}, []),
        ("nonsense", []),
        (None, []),
    ],
)
def test_shapes_of_lists(answer: Any, names: list[str]) -> None:
    assert listed_models(answer) == names


@pytest.mark.parametrize(
    ("words", "is_mute"),
    [
        ('"nomic-embed-text" does not support chat', True),
        ("This is not a chat model and thus not supported in the v1/chat/completions endpoint.", True),
        ("The model is an embedding model", True),
        ("Model does not support generate", True),
        ("Incorrect key", False),
        ("the window is 2048 tokens", False),
    ],
)
def test_refusal_of_a_model_that_does_not_chat(words: str, is_mute: bool) -> None:
    assert cannot_chat(words) is is_mute
