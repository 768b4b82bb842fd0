"""The flags that commands share, made from the one table of settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

import click

from qdpi.settings import SETTINGS, Setting, Settings, load_settings

F = TypeVar("F", bound=Callable[..., Any])
LOGS: Final = ("log_level", "log_format")
MODEL: Final = (
    "model",
    "model_timeout",
    "model_wait",
    "local_model",
    "local_model_kind",
    "program",
    "temperature",
    "max_tokens",
    "prompt_tokens",
    "ollama_base_url",
    "openai_api_key",
    "openai_base_url",
    "anthropic_api_key",
    "anthropic_base_url",
)
BUS: Final = ("data_dir", "kafka_brokers", "kafka_prefix")
STORE: Final = ("data_dir", "cassandra_hosts", "cassandra_keyspace")
PARTS: Final = (*BUS, *STORE)
"""The settings that select the bus and the store. The rest of theirs are variables without flags here."""
ALL: Final = tuple(setting.name for setting in SETTINGS)
_METAVARS: Final = {"int": "NUMBER", "float": "SECONDS", "Path": "PATH"}


def setting_flags(*names: str) -> Callable[[F], F]:
    """Add a flag for each named setting and for the logs; the function gets the flag's value, or None."""

    def decorate(function: F) -> F:
        for setting in reversed([row for row in SETTINGS if row.name in {*names, *LOGS}]):
            function = _flag(setting)(function)
        return function

    return decorate


def settings_options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add flags for settings, and pass the function the `settings` read from the flags and the environment.

    Logging is configured before the function runs. Raises `InvalidSetting`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @setting_flags(*names)
        @wraps(function)
        def with_settings(*args: Any, **kwargs: Any) -> Any:
            flags = {name: kwargs.pop(name) for name in ALL if name in kwargs}
            return function(*args, settings=settings_of(flags), **kwargs)

        return with_settings

    return decorate


def settings_of(flags: dict[str, Any]) -> Settings:
    """Read the settings from flags and the environment, and configure logging. Raises `InvalidSetting`."""
    from qdpi.observability.logs import configure_logs

    settings = load_settings(os.environ, **flags)
    configure_logs(settings)
    return settings


def _flag(setting: Setting) -> Callable[[F], F]:
    default = f", default {setting.default}" if setting.default and not setting.secret else ""
    return click.option(
        f"--{setting.name.replace('_', '-')}",
        setting.name,
        metavar="NUMBER" if setting.name == "temperature" else _METAVARS.get(setting.kind, "TEXT"),
        help=f"{setting.help}  [{setting.variable}{default}]",
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
