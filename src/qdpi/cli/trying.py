"""What a server says when it answers: where it is, and what to try."""

from __future__ import annotations

from socket import socket

from qdpi.cli.listening import address_of
from qdpi.settings import Settings
from qdpi.store.rows import CanonRevision


def invitation(settings: Settings, listening: socket, edition: CanonRevision, model: str) -> str:
    """Return the address, the book and the model, and a session with `curl`."""
    url = address_of(listening)
    by = f" by {edition.author}" if edition.author else ""
    return "\n".join(
        (
            f"Gibsey QDPI answers at {url}",
            f"  book   {edition.title}{by}, {edition.pages} pages",
            f"  model  {model}",
            *_kept(settings),
            "Press a symbol and watch its page come:",
            f"  {session_of(settings, url)}",
            f'  curl -sN "{url}/api/v1/event/stream?session_id=$S" &',
            f"  curl -s -X POST {url}/api/v1/event/ui/symbol -H 'content-type: application/json' \\",
            """    -d '{"session_id": "'$S'", "symbol_code": 0}'""",
            "Ctrl-C ends it.",
        )
    )


def _kept(settings: Settings) -> list[str]:
    """Return where the bus and the store are."""
    lines = []
    if settings.kafka_brokers:
        lines.append(f"  bus    Kafka at {settings.kafka_brokers}")
    if settings.cassandra_hosts:
        lines.append(f"  store  Cassandra at {settings.cassandra_hosts}, keyspace {settings.cassandra_keyspace}")
    return lines if len(lines) == 2 else [*lines, f"  data   {settings.data_dir}"]


def session_of(settings: Settings, url: str) -> str:
    """Return the shell's line that sets S to a session: any name, or a signed one where sessions are signed."""
    if not settings.secrets:
        return "S=first-journey"
    return rf"""S=$(curl -s -X POST {url}/api/v1/session | sed 's/.*"session_id": *"\([^"]*\)".*/\1/')"""
