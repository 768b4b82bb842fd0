"""What `qdpi replay --with` takes: models, programs, policies and settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from qdpi.counterfactual.variant import Variant, parse_variant
from qdpi.errors import InvalidInput, InvalidSetting
from qdpi.policy import LIMITS, PolicyLimits
from qdpi.settings import Settings

STORE = Settings(data_dir=Path("/data/of/the/journey"), cassandra_hosts="db1", cassandra_keyspace="mine")


def variant(*given: str, **environ: str) -> Variant:
    return parse_variant(given, environ, STORE)


@pytest.mark.parametrize("given", ["openai/NAME", "model=openai/NAME", "QDPI_MODEL=openai/NAME"])
def test_model_by_name_word_or_setting(given: str):
    """All three spellings are the same variant, on the journey's store."""
    read = variant(given, QDPI_MODEL="offline", QDPI_DATA_DIR="/elsewhere")
    assert (read.settings.model, read.described, read.limits) == ("openai/NAME", "QDPI_MODEL=openai/NAME", LIMITS)
    assert (read.settings.data_dir, read.settings.cassandra_hosts) == (STORE.data_dir, "db1")
    assert read.settings.cassandra_keyspace == "mine"


def test_words_given_together_or_apart():
    """Several words, in one `--with` or in several, make one variant; the environment gives the rest."""
    together = variant("offline QDPI_MODEL_TIMEOUT=7 policy=max_branch_depth=5")
    assert together == variant("offline", "policy=max_branch_depth=5", "QDPI_MODEL_TIMEOUT=7")
    assert (together.settings.model_timeout, together.limits) == (7.0, PolicyLimits(max_branch_depth=5))
    assert together.described == "QDPI_MODEL=offline QDPI_MODEL_TIMEOUT=7 policy=max_branch_depth=5"


def test_model_of_any_name():
    """A model's name need not be the name of a file, as that of an evaluation's writer must."""
    assert variant("model='ollama_chat/größer als dies'").settings.model == "ollama_chat/größer als dies"


def test_program_is_a_setting():
    read = variant("program=/tmp/tuned.json")
    assert (read.settings.program, read.described) == (Path("/tmp/tuned.json"), "QDPI_PROGRAM=/tmp/tuned.json")


def test_empty_variant_is_the_settings():
    assert variant("", QDPI_MODEL="local").settings.model == "local"
    assert variant("").described == "the settings as they are"


def test_policy_of_several_limits():
    """Names are read in either spelling; the version alone changes nothing."""
    read = variant("policy=Max-Return-Debt=4,min_novelty=0.5", "policy=policy/1")
    assert read.limits == PolicyLimits(max_return_debt=4, min_novelty=0.5)
    assert variant("policy=policy/1").limits == LIMITS


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("policy=max_depth=4", r"'max_depth=4' is neither policy/1 nor a limit.*max_branch_depth"),
        ("policy=policy/2", "'policy/2' is neither policy/1 nor"),
        ("policy=", "'' is neither policy/1 nor"),
        ("policy=max_branch_depth", "max_branch_depth is ''.*whole number"),
        ("policy=max_branch_depth=2.5", "max_branch_depth is '2.5'.*whole number"),
        ("policy=min_novelty=much", "min_novelty is 'much'.*from 0 to 1"),
        ("policy=min_novelty=2", "min_novelty is 2.0"),
        ("policy=max_departures=-1", "max_departures is -1"),
        ("QDPI_NONE=1", "is no variant: QDPI_NONE is no setting.*Give a model such as openai/NAME, program=FILE"),
        ("policy=max_branch_depth=5, max_return_debt=4", "is no variant: max_return_debt is no setting"),
        ("offline local", "names more than one model"),
        ("url=http://127.0.0.1:9000", "nothing that a journey can be run with"),
        ("as=large", "nothing that a journey can be run with"),
        ("QDPI_DATA_DIR=/tmp", "says where the journey is.*--data-dir"),
        ("CASSANDRA_HOSTS=db2", "says where the journey is.*--cassandra-hosts"),
        ("model='openai", "cannot be read: No closing quotation"),
    ],
)
def test_what_is_no_variant_is_refused(given: str, says: str):
    """Each refusal names the value, the cause and the next step."""
    with pytest.raises(InvalidInput, match=says):
        variant(given)


def test_wrong_setting_is_refused():
    with pytest.raises(InvalidSetting, match="QDPI_MODEL_TIMEOUT"):
        variant("QDPI_MODEL_TIMEOUT=soon")


def test_secrets_are_not_described():
    read = variant("openai/NAME OPENAI_API_KEY=sk-secret-1234567890")
    assert read.settings.openai_api_key == "sk-secret-1234567890"
    assert "sk-secret" not in read.described
