"""Opening what a command works with, and closing it whatever happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from qdpi.language.port import LanguageModel
from qdpi.language.select import choose_model
from qdpi.settings import Settings
from qdpi.system import System


@asynccontextmanager
async def store_open(system: System) -> AsyncIterator[System]:
    """Open the store alone, for what needs no bus."""
    try:
        await system.store.open()
        yield system
    finally:
        await system.store.close()


@asynccontextmanager
async def bus_open(system: System) -> AsyncIterator[System]:
    """Open the bus alone, for what needs no store."""
    try:
        await system.bus.open()
        yield system
    finally:
        await system.bus.close()


async def chosen_model(settings: Settings) -> LanguageModel:
    """Return the language model that the settings name or configure. Raises `InvalidSetting`."""
    return await choose_model(
        model=settings.model,
        ollama_base_url=settings.ollama_base_url,
        openai_api_key=settings.openai_api_key,
        openai_base_url=settings.openai_base_url,
        anthropic_api_key=settings.anthropic_api_key,
        timeout=settings.model_timeout,
    )


@asynccontextmanager
async def model_open(model: LanguageModel) -> AsyncIterator[LanguageModel]:
    """Open a model for a block."""
    try:
        await model.open()
        yield model
    finally:
        await model.close()
