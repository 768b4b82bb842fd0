"""Outages and refusals: a server of its own that hangs, is killed, restarts, or refuses a login."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from tests.support import factories as make
from tests.support.servers import servers_in

from qdpi.cluster import Options, Servers
from qdpi.errors import StoreUnavailable
from qdpi.settings import load_settings
from qdpi.store.cassandra import CassandraPageStore
from qdpi.store.ports import Answered, Committed
from qdpi.system import utc_now

pytestmark = [pytest.mark.cassandra, pytest.mark.long]
NODE = "cassandra-1"
USER = {"CASSANDRA_USERNAME": "cassandra", "CASSANDRA_PASSWORD": "cassandra"}


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the key and the certificate of a node at 127.0.0.1, which is its own authority."""
    directory = tmp_path_factory.mktemp("tls")
    made = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "key.pem", "-out", "node.pem"]
    named = ["-subj", "/CN=node", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", "req", "-x509", *made, *named], cwd=directory, check=True, capture_output=True)
    return directory


def encryption(certified: Path) -> dict[str, Any]:
    """Optional TLS: the readiness probe connects without it."""
    both = (certified / "key.pem").read_text() + (certified / "node.pem").read_text()
    factory = {
        "class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory",
        "parameters": {"private_key": both, "trusted_certificates": (certified / "node.pem").read_text()},
    }
    return {"enabled": True, "optional": True, "require_client_auth": False, "ssl_context_factory": factory}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, certified: Path) -> Iterator[Servers]:
    guarded = Options(
        cassandra={
            "authenticator": "PasswordAuthenticator",
            "authorizer": "CassandraAuthorizer",
            # Otherwise a killed node loses up to 0.1 s of acknowledged writes.
            "commitlog_sync": "batch",
            "commitlog_sync_period": "0ms",
            "client_encryption_options": encryption(certified),
        }
    )
    with servers_in(tmp_path_factory.mktemp("troubled"), kafka=False, options=guarded) as running:
        yield running


def new_store(servers: Servers, **changes: str) -> CassandraPageStore:
    settings = load_settings({**servers.environment, **USER, "CASSANDRA_TIMEOUT": "2", **changes})
    return CassandraPageStore(settings, now=utc_now, preparation=str(uuid4()))


@pytest.fixture
async def store(servers: Servers) -> AsyncIterator[CassandraPageStore]:
    # Making tables on a server that has just started may take longer than a request may here.
    patient = new_store(servers, CASSANDRA_TIMEOUT="30")
    await patient.open()
    await patient.close()
    opened = new_store(servers)
    await opened.open()
    yield opened
    await opened.close()


async def until_it_answers(store: CassandraPageStore) -> None:
    """Return when the store answers again."""
    async with asyncio.timeout(60):
        while True:
            with suppress(StoreUnavailable):
                await store.ping()
                return
            await asyncio.sleep(0.05)  # a cluster does not announce that it is back


async def test_a_hanging_server_is_an_outage_until_it_resumes(servers: Servers, store: CassandraPageStore) -> None:
    session = str(uuid4())
    outcome = make.outcome(session)
    servers.pause(NODE)
    try:
        for work in (
            store.ping(),
            store.put_page(make.generated_page()),
            store.commit_outcome(session, outcome.request_id, 0, outcome),
        ):
            with pytest.raises(StoreUnavailable):
                await asyncio.wait_for(work, 60)
        opening = new_store(servers)
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(opening.open(), 60)
    finally:
        servers.resume(NODE)
    await until_it_answers(store)
    await opening.open()
    await opening.ping()
    await opening.close()
    # The request sent while it hung may have been applied since, but only once.
    again = await store.commit_outcome(session, outcome.request_id, 0, outcome)
    assert again in (Committed(), Answered(outcome=outcome))
    assert await store.outcomes(session) == [outcome]


async def test_cancelled_callers_leave_the_store_usable(servers: Servers, store: CassandraPageStore) -> None:
    servers.pause(NODE)
    try:
        asking = [asyncio.ensure_future(store.page(f"page-{n}")) for n in range(200)]
        await asyncio.sleep(0)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    finally:
        servers.resume(NODE)
    await until_it_answers(store)
    async with asyncio.timeout(60):
        assert await asyncio.gather(*(store.page(f"page-{n}") for n in range(200))) == [None] * 200


async def test_acknowledged_outcomes_survive_a_server_kill(servers: Servers, store: CassandraPageStore) -> None:
    session = str(uuid4())
    outcomes = [make.outcome(session, seq) for seq in range(1, 21)]
    for outcome in outcomes:
        assert await store.commit_outcome(session, outcome.request_id, outcome.seq - 1, outcome) == Committed()
    await servers.kill(NODE)
    began = monotonic()
    with pytest.raises(StoreUnavailable):
        await store.ping()
    with pytest.raises(StoreUnavailable, match="no node can be reached"):
        await new_store(servers).open()
    assert monotonic() - began < 30
    await servers.restart(NODE)
    await until_it_answers(store)
    assert await store.outcomes(session) == outcomes
    reopened = new_store(servers)
    await reopened.open()
    assert await reopened.last_outcome(session) == outcomes[-1]
    await reopened.close()


async def test_a_wrong_password_is_reported_without_the_secret(servers: Servers) -> None:
    store = new_store(servers, CASSANDRA_PASSWORD="open-sesame")
    with pytest.raises(StoreUnavailable, match="CASSANDRA_USERNAME and CASSANDRA_PASSWORD") as refused:
        await store.open()
    assert "open-sesame" not in str(refused.value)
    with pytest.raises(StoreUnavailable, match="is not open"):
        await store.ping()


async def test_missing_permissions_are_named(servers: Servers, store: CassandraPageStore) -> None:
    session = store._connection._opened.driver_session
    session.execute("CREATE ROLE IF NOT EXISTS reader WITH PASSWORD = 'r' AND LOGIN = true")
    poor = new_store(servers, CASSANDRA_USERNAME="reader", CASSANDRA_PASSWORD="r")
    with pytest.raises(StoreUnavailable, match="Let this user use the keyspace"):
        await poor.open()


async def test_tls_with_a_known_certificate(servers: Servers, store: CassandraPageStore, certified: Path) -> None:
    known = new_store(servers, CASSANDRA_TLS="on", CASSANDRA_CA=str(certified / "node.pem"))
    await known.open()
    session = known._connection._opened.driver_session
    (mine,) = {row["ssl_enabled"] for row in clients(session)} - {None} - {False}
    assert mine
    await known.close()
    stranger = new_store(servers, CASSANDRA_TLS="on")
    with pytest.raises(StoreUnavailable, match="certificate verify failed"):
        await stranger.open()


def clients(session: Any) -> list[dict[str, Any]]:
    """Return the connections that the server has."""
    return list(session.execute("SELECT port, ssl_enabled, username FROM system_views.clients"))
