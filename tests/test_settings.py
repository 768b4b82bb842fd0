"""The table of settings: parsing, refusals, and hidden secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from qdpi.errors import InvalidSetting
from qdpi.events import PageEventLayout
from qdpi.settings import SETTINGS, LogFormat, LogLevel, Setting, Settings, load_settings

SECRETS = {
    "secret": "the first of them,the second of them",
    "kafka_password": "kafka-word",
    "cassandra_password": "cassandra-word",
    "openai_api_key": "sk-openai",
    "anthropic_api_key": "sk-anthropic",
}


def test_defaults():
    """Without any variable the defaults hold."""
    settings = load_settings({})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.model, settings.secrets) == ("127.0.0.1", 8000, None, ())
    assert settings.page_events is PageEventLayout.KEYED


def test_settings_table_is_complete():
    """Every setting has its own variable and a description."""
    assert len({setting.variable for setting in SETTINGS}) == len(SETTINGS)
    assert all(setting.help.endswith(".") for setting in SETTINGS)
    assert {setting.name for setting in SETTINGS if setting.secret} == set(SECRETS)


def test_variables_are_parsed():
    """Each variable is parsed to its type."""
    settings = load_settings(
        {
            "QDPI_MODEL": "ollama_chat/llama3",
            "QDPI_MODEL_TIMEOUT": "2.5",
            "QDPI_PORT": "0",
            "QDPI_DATA_DIR": "/somewhere/else",
            "QDPI_PAGE_EVENTS": "section",
            "QDPI_LOG_LEVEL": "debug",
            "QDPI_LOG_FORMAT": "console",
            "OLLAMA_BASE_URL": "http://localhost:11434",
        }
    )
    assert (settings.model, settings.model_timeout, settings.port) == ("ollama_chat/llama3", 2.5, 0)
    assert settings.data_dir == Path("/somewhere/else")
    assert settings.page_events is PageEventLayout.SECTION
    assert (settings.log_level, settings.log_format) == (LogLevel.DEBUG, LogFormat.CONSOLE)
    assert settings.ollama_base_url == "http://localhost:11434"


def test_empty_variable_is_unset():
    """An empty variable counts as unset."""
    assert load_settings({setting.variable: "" for setting in SETTINGS}) == Settings()


def test_flag_wins_over_its_variable():
    """A flag overrides its variable; a flag that is not given does not."""
    assert load_settings({"QDPI_PORT": "9000"}, port=7000).port == 7000
    assert load_settings({"QDPI_PORT": "9000"}, port=None).port == 9000
    assert load_settings({"QDPI_PORT": "9000"}, port=0).port == 0


@pytest.mark.parametrize(
    ("variable", "value", "hint"),
    [
        ("QDPI_PORT", "eight", "expected int"),
        ("QDPI_PORT", "-1", "expected 0 to 65535"),
        ("QDPI_PORT", "65536", "expected 0 to 65535"),
        ("QDPI_PORT", "80.5", "expected int"),
        ("QDPI_MODEL_TIMEOUT", "soon", "expected float"),
        ("QDPI_MODEL_TIMEOUT", "0", "expected 0.1 or more"),
        ("QDPI_MODEL_TIMEOUT", "nan", "expected 0.1 or more"),
        ("QDPI_MODEL_RETRIES", "-1", "expected 0 or more"),
        ("QDPI_CONCURRENCY", "0", "expected 1 or more"),
        ("QDPI_MAX_WAITING", "0", "expected 1 or more"),
        ("QDPI_RUN_TIMEOUT", "-5", "expected 0.1 or more"),
        ("QDPI_PAGE_EVENTS", "topic", "one of keyed, section, page"),
        ("QDPI_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("QDPI_LOG_FORMAT", "xml", "one of auto, json, console"),
    ],
)
def test_wrong_value_is_refused(variable, value, hint):
    """A wrong value is refused with its variable, the value and a hint."""
    with pytest.raises(InvalidSetting) as refusal:
        load_settings({variable: value})
    assert str(refusal.value).startswith(f"{variable} is {value!r}")
    assert hint in str(refusal.value)
    assert refusal.value.next_step


def test_wrong_flag_is_refused():
    """A wrong flag is refused like its variable."""
    with pytest.raises(InvalidSetting, match="QDPI_PORT is '70000'"):
        load_settings({}, port=70_000)


def test_secrets_are_hidden():
    """Secrets are in no repr and no error."""
    settings = load_settings({setting.variable: SECRETS[setting.name] for setting in SETTINGS if setting.secret})
    assert {name: getattr(settings, name) for name in SECRETS} == SECRETS
    for shown in (repr(settings), str(settings)):
        assert not any(part in shown for value in SECRETS.values() for part in value.split(","))
    with pytest.raises(InvalidSetting) as refusal:
        load_settings({"QDPI_SECRET": SECRETS["secret"], "QDPI_PORT": "x"})
    assert "first" not in str(refusal.value)


def test_secrets_rotate():
    """Several secrets rotate: the first one signs."""
    new, old = "a new secret of some length", "the old one, which has more".replace(",", "")
    assert load_settings({"QDPI_SECRET": f"{new},{old}"}).secrets == (new, old)
    assert load_settings({"QDPI_SECRET": f",{new},"}).secrets == (new,)
    assert load_settings({"QDPI_SECRET": f"{new},\n{old}\n"}).secrets == (new, old)


@pytest.mark.parametrize("secret", ["hush", "fifteen letters", "a secret of some length,short", f" {'x' * 15} "])
def test_a_short_secret_is_refused_unshown(secret: str):
    """Whoever has a session id can try secrets on it, as many as a processor makes."""
    with pytest.raises(InvalidSetting, match=r"QDPI_SECRET is .*16 characters") as refused:
        load_settings({"QDPI_SECRET": secret})
    assert secret.strip() not in f"{refused.value} {refused.value.next_step}"


@pytest.mark.parametrize("name", ["openai_api_key", "anthropic_api_key", "kafka_password", "cassandra_password"])
@pytest.mark.parametrize(("before", "after"), [("", "\n"), ("", "\r\n"), ("\n", ""), (" ", " "), ("", "\t")])
def test_white_space_around_a_secret_is_removed(name: str, before: str, after: str):
    """Secret files end with a line end, and `.env` files may end with two characters."""
    variable = next(setting.variable for setting in SETTINGS if setting.name == name)

    assert getattr(load_settings({variable: f"{before}sk-secret{after}"}), name) == "sk-secret"
    assert getattr(load_settings({}, **{name: f"{before}sk-secret{after}"}), name) == "sk-secret"


@pytest.mark.parametrize("setting", [setting for setting in SETTINGS if setting.secret], ids=lambda s: s.name)
@pytest.mark.parametrize("within", ["\n", "\r", "\x00", "\x1b", "\x85"])
def test_control_character_in_a_secret_is_refused_unshown(setting: Setting, within: str):
    with pytest.raises(InvalidSetting) as refused:
        load_settings({setting.variable: f"sk-sec{within}ret"})

    assert setting.variable in str(refused.value)
    assert "sk-sec" not in str(refused.value)


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"])
def test_key_unfit_for_a_header_is_refused(variable: str):
    with pytest.raises(InvalidSetting) as refused:
        load_settings({variable: "sk-secret\u20ac"})

    assert "sk-secret" not in str(refused.value)


def test_a_password_may_be_in_any_script():
    assert load_settings({"KAFKA_PASSWORD": "пароль"}).kafka_password == "пароль"


@pytest.mark.parametrize("secret", [",", " , ", ",,"])
def test_blank_secret_is_refused(secret: str):
    """A value without a secret is refused."""
    with pytest.raises(InvalidSetting, match="QDPI_SECRET"):
        load_settings({"QDPI_SECRET": secret})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("QDPI_CORS_ORIGINS", "book.example"),
        ("QDPI_CORS_ORIGINS", "https://book.example/path"),
        ("QDPI_CORS_ORIGINS", "ftp://book.example"),
        ("QDPI_CORS_ORIGINS", "https://a.example, nonsense"),
        ("QDPI_TRUSTED_PROXIES", "proxy"),
        ("QDPI_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("QDPI_SESSION_DAYS", "-1"),
        ("QDPI_MAX_REQUESTS", "0"),
        ("QDPI_ADDRESS_STREAMS", "0"),
    ],
)
def test_wrong_origins_proxies_and_limits_are_refused(variable: str, value: str):
    """Invalid origins, proxies and limits are refused at startup."""
    with pytest.raises(InvalidSetting, match=variable):
        load_settings({variable: value})


def test_origins_and_proxies():
    """Origins and proxies are listed."""
    settings = load_settings({"QDPI_CORS_ORIGINS": " https://a.example ,*", "QDPI_TRUSTED_PROXIES": "10.0.0.0/8,::1"})
    assert settings.origins == ("https://a.example", "*")
    assert settings.proxies == ("10.0.0.0/8", "::1")
