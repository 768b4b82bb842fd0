"""Every setting, in one table: the fields of `Settings`.

Each field's metadata holds the setting's variable, help text, bounds and whether it is secret; `SETTINGS` lists them
for the documentation and the command line. A wrong value is refused at the start, with a hint.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from ipaddress import ip_network
from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple, get_type_hints
from urllib.parse import urlsplit

from qdpi.errors import InvalidSetting
from qdpi.events import PageEventLayout
from qdpi.observability.redaction import HIDDEN, Redactor, secrets_in


class LogLevel(StrEnum):
    """The lowest level of log lines written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """The format of log lines; `AUTO` is for people on a terminal, and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LocalKind(StrEnum):
    """Whether a model follows instructions, or only continues prose."""

    BASE = "base"
    INSTRUCT = "instruct"


class KafkaGroups(StrEnum):
    """The protocol of Kafka's consumer groups: the classic one, or KIP-848's."""

    CLASSIC = "classic"
    CONSUMER = "consumer"


class KafkaSecurity(StrEnum):
    """The security protocol of connections to brokers."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


class Switch(StrEnum):
    """Off or on."""

    OFF = "off"
    ON = "on"


SHORTEST_SECRET: Final = 16
"""The fewest characters of a secret that signs sessions: anybody with a session id may try secrets on it."""


def _setting(
    variable: str,
    help_text: str,
    default: Any = None,
    *,
    secret: bool = False,
    header: bool = False,
    least: float = 0,
    most: float = float("inf"),
) -> Any:
    metadata = {
        "variable": variable,
        "help": help_text,
        "secret": secret,
        "header": header,
        "least": least,
        "most": most,
    }
    return field(default=default, metadata=metadata)


def _default_data_dir() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "qdpi"


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """The settings of a process. Its repr hides secrets, those within addresses included."""

    model: str | None = _setting(
        "QDPI_MODEL",
        "The language model: offline, local, ollama_chat/NAME, openai/NAME or anthropic/NAME. "
        "Unset: the first one configured of Ollama, OpenAI, Anthropic, the small local model; else offline.",
    )
    model_timeout: float = _setting(
        "QDPI_MODEL_TIMEOUT", "The longest time for one model call, in seconds.", 120.0, least=0.1
    )
    model_retries: int = _setting(
        "QDPI_MODEL_RETRIES", "How often a failed model call is retried before the run fails.", 2
    )
    model_wait: float = _setting(
        "QDPI_MODEL_WAIT",
        "How long a press waits for a model's server that has too many requests or still loads the model, in seconds.",
        90.0, most=86_400,
    )  # fmt: skip
    local_model: Path | None = _setting(
        "QDPI_LOCAL_MODEL",
        "The file, in the format GGUF, of the model that runs on this machine. Unset: the small one of the package.",
    )
    local_model_kind: LocalKind | None = _setting(
        "QDPI_LOCAL_MODEL_KIND",
        "Whether that model follows instructions (instruct) or only continues prose (base). Unset: its file is asked.",
    )
    program: Path | None = _setting(
        "QDPI_PROGRAM",
        "The file of a saved program, which writes the pages. Unset: the program as its version has it.",
    )
    drafts: int = _setting(
        "QDPI_DRAFTS",
        "How often a small model on this machine writes each paragraph at most; the best is taken. 1: once.",
        3, least=1, most=16,
    )  # fmt: skip
    draft_time: float = _setting(
        "QDPI_DRAFT_TIME",
        "After how many seconds of a page each paragraph is written once. While others wait it always is.",
        16.0, least=0, most=600,
    )  # fmt: skip
    temperature: float | None = _setting(
        "QDPI_TEMPERATURE", "The temperature of a hosted model's sampling. Unset: the model's own.", most=2
    )
    max_tokens: int | None = _setting(
        "QDPI_MAX_TOKENS",
        "The most tokens of one answer of a hosted model, its reasoning included. Unset: the model's own limit.",
        least=16,
    )  # fmt: skip
    prompt_tokens: int = _setting(
        "QDPI_PROMPT_TOKENS",
        "The most tokens of a hosted model's prompt, less for a short context: what a page can do without is left out.",
        4_000, least=1_500,
    )  # fmt: skip
    concurrency: int = _setting(
        "QDPI_CONCURRENCY", "How many model calls one page generator has in flight.", 32, least=1
    )
    delta_pace: float = _setting(
        "QDPI_DELTA_PACE",
        "The least time between two deltas of a page being written, in seconds. Each delta is a record that every "
        "gateway reads.",
        0.04, most=60,
    )  # fmt: skip
    data_dir: Path = _setting(
        "QDPI_DATA_DIR",
        "The directory of the embedded bus and store. Unset: qdpi under XDG_DATA_HOME or ~/.local/share.",
    )
    book: Path | None = _setting(
        "QDPI_BOOK", "The book to ingest on the first start. Unset: the project's own short one."
    )
    host: str = _setting("QDPI_HOST", "The address that the gateway listens on.", "127.0.0.1")
    port: int = _setting("QDPI_PORT", "The port that the gateway listens on; 0 takes a free one.", 8000, most=65_535)
    root_path: str = _setting(
        "QDPI_ROOT_PATH",
        "The sub-path under which a proxy serves this gateway, such as /book. The proxy may take it off or leave it.",
        "",
    )
    secret: str | None = _setting(
        "QDPI_SECRET",
        "The secret that signs session ids, so that readers cannot open each other's journeys. Several, separated by "
        "commas, allow rotation: the first signs, and all are accepted. Each has at least 16 characters.",
        secret=True,
    )
    open: Switch = _setting(
        "QDPI_OPEN",
        "Whether a gateway without a secret may listen beyond this machine, where everybody can read every journey: "
        "on or off.",
        Switch.OFF,
    )
    session_days: float = _setting(
        "QDPI_SESSION_DAYS",
        "How many days a signed session id is valid; until then it can be exchanged for a new one. 0: for ever.",
        365.0, most=36_500,
    )  # fmt: skip
    max_waiting: int = _setting("QDPI_MAX_WAITING", "How many presses of one journey may be waiting.", 32, least=1)
    max_streams: int = _setting("QDPI_MAX_STREAMS", "How many streams of one journey may be open.", 1_000, least=1)
    max_requests: int = _setting(
        "QDPI_MAX_REQUESTS", "How many requests a minute may be made of one journey.", 12_000, least=1
    )
    address_waiting: int = _setting(
        "QDPI_ADDRESS_WAITING",
        "How many presses from one address may be waiting. Many readers may share one address, such as a school's; "
        "lower the limits of addresses where the gateway is open to the public.",
        20_000, least=1,
    )  # fmt: skip
    address_streams: int = _setting(
        "QDPI_ADDRESS_STREAMS", "How many streams from one address may be open.", 10_000, least=1
    )
    address_requests: int = _setting(
        "QDPI_ADDRESS_REQUESTS", "How many requests a minute may come from one address.", 60_000, least=1
    )
    cors_origins: str | None = _setting(
        "QDPI_CORS_ORIGINS",
        "The origins whose pages may use this gateway, such as https://book.example, separated by commas; * allows "
        "all. Unset: only the gateway's own page.",
    )
    hosts: str | None = _setting(
        "QDPI_HOSTS",
        "The names under which a proxy or a network asks for this gateway, such as book.example or "
        "book.example:8443, separated by commas. On a loopback address no others are served but that machine's own.",
    )
    trusted_proxies: str | None = _setting(
        "QDPI_TRUSTED_PROXIES",
        "The addresses or networks of proxies whose X-Forwarded-For is trusted, separated by commas. Unset: none.",
    )
    run_timeout: float = _setting(
        "QDPI_RUN_TIMEOUT", "How long a direct run waits for its outcome before the gateway answers 504, in seconds.",
        120.0, least=0.1,
    )  # fmt: skip
    page_events: PageEventLayout = _setting(
        "QDPI_PAGE_EVENTS", "The layout of page events: keyed, section or page.", PageEventLayout.KEYED
    )
    log_level: LogLevel = _setting(
        "QDPI_LOG_LEVEL", "The lowest level of log lines written: debug, info, warning or error.", LogLevel.INFO
    )
    log_format: LogFormat = _setting(
        "QDPI_LOG_FORMAT",
        "The format of log lines: json, console, or auto. auto is JSON, and on a terminal a short line for each page "
        "written, each warning and each error.",
        LogFormat.AUTO,
    )
    kafka_brokers: str | None = _setting(
        "KAFKA_BROKERS", "Kafka's brokers, host:port, separated by commas. Unset: the embedded bus."
    )
    kafka_prefix: str = _setting(
        "KAFKA_PREFIX",
        "A prefix of the names of all topics and groups, so that several systems can share a cluster.",
        "",
    )
    kafka_partitions: int = _setting(
        "KAFKA_PARTITIONS",
        "The partitions of a topic that qdpi creates: the most workers of one kind that can share it.",
        12, least=1,
    )  # fmt: skip
    kafka_replication: int | None = _setting(
        "KAFKA_REPLICATION", "On how many brokers a created topic is replicated. Unset: the brokers' default.", least=1
    )
    kafka_groups: KafkaGroups = _setting(
        "KAFKA_GROUPS", "The protocol of consumer groups: classic, or consumer (KIP-848).", KafkaGroups.CLASSIC
    )
    kafka_session_timeout: float = _setting(
        "KAFKA_SESSION_TIMEOUT",
        "After how many seconds without a heartbeat a worker counts as dead and others take over (classic groups). "
        "Brokers refuse less than their group.min.session.timeout.ms, by default 6 s.",
        6.0, least=0.5, most=300,
    )  # fmt: skip
    kafka_security: KafkaSecurity = _setting(
        "KAFKA_SECURITY", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.", KafkaSecurity.PLAINTEXT
    )
    kafka_sasl_mechanism: str = _setting("KAFKA_SASL_MECHANISM", "The SASL mechanism.", "SCRAM-SHA-512")
    kafka_username: str | None = _setting("KAFKA_USERNAME", "The user, for SASL.")
    kafka_password: str | None = _setting("KAFKA_PASSWORD", "The password, for SASL.", secret=True)
    kafka_ca: Path | None = _setting("KAFKA_CA", "The certificates (PEM) that verify the brokers' own, for TLS.")
    kafka_certificate: Path | None = _setting(
        "KAFKA_CERTIFICATE", "The client certificate (PEM), where brokers require one."
    )
    kafka_key: Path | None = _setting("KAFKA_KEY", "The key (PEM) of the client certificate.")
    cassandra_hosts: str | None = _setting(
        "CASSANDRA_HOSTS", "Cassandra's nodes, host or host:port, separated by commas. Unset: the embedded store."
    )
    cassandra_keyspace: str = _setting("CASSANDRA_KEYSPACE", "The keyspace.", "gibsey")
    cassandra_replication: str = _setting(
        "CASSANDRA_REPLICATION",
        "The replication of a keyspace that qdpi creates: a number, or datacenter:number, separated by commas.",
        "1",
    )
    cassandra_datacenter: str | None = _setting(
        "CASSANDRA_DATACENTER",
        "The datacenter whose nodes are asked and form the quorum. Unset: that of the first node reached.",
    )
    cassandra_timeout: float = _setting(
        "CASSANDRA_TIMEOUT", "The longest time for one request, in seconds.", 5.0, least=0.1
    )
    cassandra_in_flight: int = _setting(
        "CASSANDRA_IN_FLIGHT", "How many requests a process has in flight.", 64, least=1, most=4_096
    )
    cassandra_username: str | None = _setting("CASSANDRA_USERNAME", "The user.")
    cassandra_password: str | None = _setting("CASSANDRA_PASSWORD", "The password.", secret=True)
    cassandra_tls: Switch = _setting("CASSANDRA_TLS", "Whether connections to nodes use TLS: on or off.", Switch.OFF)
    cassandra_ca: Path | None = _setting(
        "CASSANDRA_CA", "The certificates (PEM) that verify the nodes' own. Unset: this machine's."
    )
    cassandra_certificate: Path | None = _setting(
        "CASSANDRA_CERTIFICATE", "The client certificate (PEM), where nodes require one."
    )
    cassandra_key: Path | None = _setting("CASSANDRA_KEY", "The key (PEM) of the client certificate.")
    ollama_base_url: str | None = _setting("OLLAMA_BASE_URL", "The URL of Ollama.")
    openai_api_key: str | None = _setting(
        "OPENAI_API_KEY", "The key for OpenAI or a compatible server.", secret=True, header=True
    )
    openai_base_url: str | None = _setting("OPENAI_BASE_URL", "The URL of an OpenAI-compatible server.")
    anthropic_api_key: str | None = _setting(
        "ANTHROPIC_API_KEY", "The key for Anthropic or a compatible server.", secret=True, header=True
    )
    anthropic_base_url: str | None = _setting(
        "ANTHROPIC_BASE_URL", "The URL of a server with Anthropic's protocol. Unset: Anthropic's own."
    )

    def __post_init__(self) -> None:
        if self.data_dir is None:
            object.__setattr__(self, "data_dir", _default_data_dir())
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.metadata["secret"] and value is not None:
                object.__setattr__(self, setting.name, _checked_secret(setting, value))
        if self.secret is not None and not self.secrets:
            raise InvalidSetting(
                "QDPI_SECRET is ***, which contains no secret.", next_step="Unset it, or give a secret."
            )
        if any(len(secret) < SHORTEST_SECRET for secret in self.secrets):
            raise InvalidSetting(
                f"QDPI_SECRET is ***, and a secret in it has fewer than {SHORTEST_SECRET} characters: it can be "
                "guessed.",
                next_step="Give one such as `openssl rand -hex 32` prints.",
            )
        object.__setattr__(self, "root_path", _checked_root_path(self.root_path))
        _check_origins(self.origins)
        _check_networks(self.proxies)

    def __repr__(self) -> str:
        """Return the settings without secrets."""
        held = {setting.name: getattr(self, setting.name) for setting in fields(self)}
        hidden = {setting.name for setting in fields(self) if setting.metadata["secret"]}
        shown = (
            f"{name}={HIDDEN if name in hidden and value is not None else self.redact(repr(value))}"
            for name, value in held.items()
        )
        return f"Settings({', '.join(shown)})"

    @property
    def secret_values(self) -> frozenset[str]:
        """Every secret that these settings hold, those within addresses included. Never shown."""
        held = ((setting.metadata["secret"], getattr(self, setting.name)) for setting in fields(self))
        return frozenset(form for secret, value in held if isinstance(value, str) for form in secrets_in(value, secret))

    @cached_property
    def redact(self) -> Redactor:
        """Hides these settings' secrets in text that leaves the process: for readers, operators, logs and stores."""
        return Redactor(self.secret_values)

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that sign sessions, the signing one first; empty where sessions are open."""
        return _parts(self.secret)

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """The origins of other sites whose pages may use the gateway."""
        return _parts(self.cors_origins)

    @cached_property
    def own_hosts(self) -> tuple[str, ...]:
        """The names under which the gateway is asked for, besides those of this machine."""
        return _parts(self.hosts)

    @cached_property
    def proxies(self) -> tuple[str, ...]:
        """The addresses and networks of trusted proxies."""
        return _parts(self.trusted_proxies)


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _checked_secret(setting: Field[Any], value: str) -> str | None:
    """Return a secret without white space at its ends, which files and shells add; None for a blank key or password.

    Raises `InvalidSetting`, without showing it, for control characters, and for a key that no HTTP header can carry.
    """
    stripped = value.strip()
    secrets = _parts(value) if setting.name == "secret" else (stripped,)
    if any(map(_CONTROL.search, secrets)) or (setting.metadata["header"] and not stripped.isascii()):
        raise InvalidSetting(
            f"{setting.metadata['variable']} is ***, with a line end or another character in it that cannot be sent.",
            next_step="Give the secret alone, on one line, as its issuer shows it.",
        )
    return stripped or (value if setting.name == "secret" else None)


def _parts(listed: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (listed or "").split(",") if part.strip())


_SUB_PATH: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*")
_OWN_PATHS: Final = ("/api/v1", "/web")


def _checked_root_path(given: str) -> str:
    """Return a sub-path with a slash at its beginning and none at its end, "" for none. Raises `InvalidSetting`."""
    named = given.strip().strip("/")
    path = f"/{named}" if named else ""
    own = any(f"{path}/".startswith(f"{prefix}/") for prefix in _OWN_PATHS)
    if own or not _SUB_PATH.fullmatch(path):
        raise InvalidSetting(
            f"QDPI_ROOT_PATH is {given[:80]!r}, {'which is a path of our own' if own else 'which is not a sub-path'}.",
            next_step="Give the path alone, such as /book, of letters, digits, '.', '_', '~' and '-'.",
        )
    return path


def _check_origins(origins: tuple[str, ...]) -> None:
    for origin in origins:
        parts = urlsplit(origin)
        if origin != "*" and (origin != f"{parts.scheme}://{parts.netloc}" or parts.scheme not in {"http", "https"}):
            raise InvalidSetting(
                f"QDPI_CORS_ORIGINS names {origin[:80]!r}, which is not an origin.",
                next_step="Give only scheme, host and port, such as https://book.example.",
            )


def _check_networks(proxies: tuple[str, ...]) -> None:
    for proxy in proxies:
        try:
            ip_network(proxy)
        except ValueError as error:
            raise InvalidSetting(
                f"QDPI_TRUSTED_PROXIES names {proxy[:80]!r}: {error}.",
                next_step="Give addresses such as 10.0.0.1 or networks such as 10.0.0.0/8.",
            ) from error


class Setting(NamedTuple):
    """A row of the table of settings."""

    name: str
    variable: str
    kind: str
    default: str
    help: str
    secret: bool


def _kind(annotation: Any) -> type:
    options = [option for option in getattr(annotation, "__args__", (annotation,)) if option is not type(None)]
    return options[0]  # type: ignore[no-any-return]


def _rows() -> tuple[Setting, ...]:
    hints = get_type_hints(Settings)
    return tuple(
        Setting(
            name=f.name,
            variable=f.metadata["variable"],
            kind=_kind(hints[f.name]).__name__,
            default="" if f.default is None else str(f.default),
            help=f.metadata["help"],
            secret=f.metadata["secret"],
        )
        for f in fields(Settings)
    )


SETTINGS: Final[tuple[Setting, ...]] = _rows()
"""Every setting, in the order of the documentation."""


def load_settings(environ: Mapping[str, str], **flags: Any) -> Settings:
    """Read the settings from an environment; flags that are not None win. Empty variables count as unset.

    Raises `InvalidSetting` with the variable, its value and what it may be.
    """
    hints = get_type_hints(Settings)
    values: dict[str, Any] = {}
    for f in fields(Settings):
        given = flags.get(f.name)
        raw = given if given is not None else environ.get(f.metadata["variable"]) or None
        if raw is not None:
            values[f.name] = _parse(f.metadata, _kind(hints[f.name]), raw)
    return Settings(**values)


def _parse(metadata: Mapping[str, Any], kind: type, raw: Any) -> Any:
    shown = "***" if metadata["secret"] else repr(str(raw)[:80])
    try:
        value = kind(raw)
    except ValueError as error:
        allowed = f": one of {', '.join(kind)}" if issubclass(kind, StrEnum) else f": expected {kind.__name__}"
        raise InvalidSetting(f"{metadata['variable']} is {shown}{allowed}.") from error
    if isinstance(value, int | float) and not metadata["least"] <= value <= metadata["most"]:
        bounds = (
            f"{metadata['least']} to {metadata['most']}"
            if isfinite(metadata["most"])
            else f"{metadata['least']} or more"
        )
        raise InvalidSetting(f"{metadata['variable']} is {shown}: expected {bounds}.")
    return value
