"""Variants: what a journey's presses are run again with, as `qdpi replay --with` takes it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from qdpi.errors import InvalidInput
from qdpi.evaluation.writers import parse_writer
from qdpi.policy import LIMITS, POLICY_VERSION, PolicyLimits
from qdpi.settings import SETTINGS, Settings

_SHORT: Final[Mapping[str, str]] = {"model": "QDPI_MODEL", "program": "QDPI_PROGRAM"}
_OF_THE_STORE: Final = tuple(
    setting
    for setting in SETTINGS
    if setting.name == "data_dir" or setting.name.startswith(("cassandra_", "kafka_")) or setting.name == "book"
)
_NUMBERS: Final = {field.name: type(getattr(LIMITS, field.name)) for field in fields(PolicyLimits)}
_HINT: Final = (
    "Give a model such as openai/NAME, program=FILE, policy=max_branch_depth=5,max_return_debt=4, or any setting as "
    "QDPI_TEMPERATURE=0."
)


@dataclass(frozen=True, slots=True)
class Variant:
    """The settings and the policy's limits of counterfactual runs. `described` is what was given, without secrets."""

    settings: Settings
    limits: PolicyLimits
    described: str


def parse_variant(given: Sequence[str], environ: Mapping[str, str], store: Settings) -> Variant:
    """Read a variant: words as a shell reads them, of all that is given together.

    A word alone is the model. `model=NAME` and `program=FILE` are settings, `policy=NAME=NUMBER,…` are the policy's
    limits, and `VARIABLE=VALUE` is any setting. Settings that are not given come from the environment, those of the
    store from `store`. Raises `InvalidInput`, `InvalidSetting`.
    """
    words, policies = list[str](), list[str]()
    for word in _words_of(given):
        name, is_pair, value = word.partition("=")
        if is_pair and name == "policy":
            policies.append(value)
        else:
            words.append(f"{_SHORT.get(name, name)}={value}" if is_pair else word)
    _refuse_foreign(words)
    # A writer of an evaluation needs a name, which a model's may not give.
    writer = parse_writer(shlex.join((*words, "as=shadow")), environ, noun="variant", hint=_HINT)
    named = [f"{name}={value}" for name, value in writer.described.items() if value]
    return Variant(
        replace(writer.settings, **{each.name: getattr(store, each.name) for each in _OF_THE_STORE}),
        parse_limits(policies),
        " ".join((*named, *(f"policy={policy}" for policy in policies))) or "the settings as they are",
    )


def parse_limits(given: Sequence[str]) -> PolicyLimits:
    """Read the policy's limits: `NAME=NUMBER`, separated by commas; the version alone changes none.

    Raises `InvalidInput`.
    """
    numbers: dict[str, Any] = dict(_numbers(item.strip() for policy in given for item in policy.split(",")))
    return replace(LIMITS, **numbers)


def _numbers(items: Iterator[str]) -> Iterator[tuple[str, float]]:
    for item in items:
        if item == POLICY_VERSION:
            continue
        name, _, value = item.partition("=")
        number = _NUMBERS.get(plain := name.strip().lower().replace("-", "_"))
        if number is None:
            known = ", ".join(_NUMBERS)
            raise InvalidInput(
                f"{item[:80]!r} is neither {POLICY_VERSION} nor a limit of the policy.",
                next_step=f"Give NAME=NUMBER, with a name of {known}.",
            )
        try:
            yield plain, number(value)
        except ValueError:
            raise InvalidInput(
                f"The policy's {plain} is {value[:80]!r}.",
                next_step="Give a whole number." if number is int else "Give a number from 0 to 1.",
            ) from None


def _words_of(given: Sequence[str]) -> list[str]:
    try:
        return [word for each in given for word in shlex.split(each)]
    except ValueError as error:
        raise InvalidInput(f"{' '.join(given)[:80]!r} cannot be read: {error}.", next_step=_HINT) from error


def _refuse_foreign(words: Sequence[str]) -> None:
    """Refuse what says nothing about how a page is written. Raises `InvalidInput`."""
    flags = {setting.variable: f"--{setting.name.replace('_', '-')}" for setting in _OF_THE_STORE}
    for word in words:
        name = word.partition("=")[0]
        if name in flags:
            raise InvalidInput(
                f"{name} says where the journey is, not what to run it with.",
                next_step=f"Give it as {flags[name]}, or in the environment.",
            )
        if word.startswith(("url=", "as=")):
            raise InvalidInput(f"{word[:80]!r} is nothing that a journey can be run with.", next_step=_HINT)
