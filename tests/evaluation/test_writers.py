"""Writers as they are given on a command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from qdpi.errors import InvalidInput, InvalidSetting
from qdpi.evaluation.writers import apart, distinct_writers, parse_writer
from qdpi.settings import LogLevel, Settings


def test_a_word_is_a_model():
    writer = parse_writer("openai/some-model", {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})
    assert (writer.name, writer.settings.model, writer.url) == ("openai-some-model", "openai/some-model", None)
    assert writer.settings.openai_base_url == "http://127.0.0.1:1/v1"


def test_pairs_are_settings_and_a_name():
    writer = parse_writer("local as=mine 'QDPI_MODEL_TIMEOUT=30'", {"QDPI_MODEL": "offline"})
    assert (writer.name, writer.settings.model, writer.settings.model_timeout) == ("mine", "local", 30.0)
    assert writer.described == {"QDPI_MODEL": "local", "QDPI_MODEL_TIMEOUT": "30"}


def test_a_url_is_a_gateway_elsewhere():
    writer = parse_writer("url=http://127.0.0.1:9000/book as=before", {})
    assert (writer.name, writer.url, writer.described) == (
        "before", "http://127.0.0.1:9000/book", {"url": "http://127.0.0.1:9000/book"},
    )  # fmt: skip
    assert parse_writer("url=http://127.0.0.1:9000", {}).name == "127.0.0.1-9000"


def test_nothing_is_the_model_of_the_settings():
    assert parse_writer("", {"QDPI_MODEL": "offline"}).name == "offline"
    assert parse_writer("", {}).name == "default"


@pytest.mark.parametrize(
    "given",
    [
        "local offline", "QDPI_NOTHING=1", "local url=http://127.0.0.1", "url=nowhere", "url=ftp://host", "as=../up",
        "local as=.hidden", "'local", "local as=" + "x" * 65,
    ],
)  # fmt: skip
def test_what_is_no_writer_is_refused(given: str):
    with pytest.raises(InvalidInput):
        parse_writer(given, {})


def test_a_wrong_value_is_refused_as_a_setting():
    with pytest.raises(InvalidSetting):
        parse_writer("local QDPI_MODEL_TIMEOUT=soon", {})


def test_secrets_are_not_described():
    """What is kept of a writer has neither a key nor a password within an address."""
    given = "openai/x as=x OPENAI_API_KEY=sk-hush OPENAI_BASE_URL=https://me:hush@host/v1"
    assert "hush" not in str(parse_writer(given, {}).described)


def test_two_writers_have_two_names():
    with pytest.raises(InvalidInput, match="as=NAME"):
        distinct_writers(["local", "local QDPI_MODEL_TIMEOUT=1"], {})
    assert len(distinct_writers(["local", "local as=other"], {})) == 2


def test_a_writers_system_shares_nothing(tmp_path: Path):
    """The edition and a directory of its own replace everything that other systems have."""
    shared = Settings(
        data_dir=Path("elsewhere"),
        kafka_brokers="b:1",
        cassandra_hosts="c:1",
        secret="a secret of tests" * 40,
        root_path="/book",
        port=80,
    )
    own = apart(shared, tmp_path, tmp_path / "edition")
    assert (own.data_dir, own.book, own.port) == (tmp_path, tmp_path / "edition", 0)
    assert (own.kafka_brokers, own.cassandra_hosts, own.secrets, own.root_path) == (None, None, (), "")


def test_logs_begin_with_warnings_unless_debug_is_asked_for():
    assert parse_writer("local", {}).settings.log_level is LogLevel.WARNING
    assert parse_writer("local QDPI_LOG_LEVEL=debug", {}).settings.log_level is LogLevel.DEBUG
    assert parse_writer("local QDPI_LOG_LEVEL=error", {}).settings.log_level is LogLevel.ERROR
