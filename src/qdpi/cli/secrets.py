"""The secrets of a command: those of its environment and of its command line."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from qdpi.observability.redaction import secrets_in
from qdpi.settings import SETTINGS


def secrets_of(environ: Mapping[str, str], arguments: Sequence[str]) -> Iterator[str]:
    """Yield every secret in the environment and on the command line, those within addresses included."""
    for setting in SETTINGS:
        yield from secrets_in(environ.get(setting.variable, ""), setting.secret)
        flag = f"--{setting.name.replace('_', '-')}"
        for value in (*_given(flag, arguments), *_assigned(setting.variable, arguments)) if setting.secret else ():
            yield from secrets_in(value, secret=True)
    for variable, value in environ.items():
        if variable.lower().endswith("_proxy"):
            yield from secrets_in(value, secret=False)
    for argument in arguments:
        yield from secrets_in(argument, secret=False)
        yield from secrets_in(argument.partition("=")[2], secret=False)


def _given(flag: str, arguments: Sequence[str]) -> Iterator[str]:
    """Yield the values of a flag, in both spellings."""
    for before, argument in zip(("", *arguments), arguments, strict=False):
        name, equals, value = argument.partition("=")
        if before == flag:
            yield argument
        elif name == flag and equals:
            yield value


def _assigned(variable: str, arguments: Sequence[str]) -> Iterator[str]:
    """Yield the values that words within arguments give to a variable, as `--with "VARIABLE=VALUE"` does."""
    for argument in arguments:
        for word in _words(argument.removeprefix("--with=")):
            name, equals, value = word.partition("=")
            if name == variable and equals:
                yield value


def _words(argument: str) -> list[str]:
    """Return the words of an argument as a shell reads them, or between spaces where it could not read them."""
    try:
        return shlex.split(argument)
    except ValueError:
        return argument.split()
