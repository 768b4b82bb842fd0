from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.support import factories

from qdpi.cli.listening import PortTaken, address_of, listen
from qdpi.cli.trying import invitation, session_of
from qdpi.errors import InvalidSetting, QdpiError
from qdpi.runtime.process import side_by_side, work_until
from qdpi.services.workers import ServiceWorker, WorkerGroup
from qdpi.settings import Settings


def settings(directory: Path, **changes: object) -> Settings:
    return Settings(data_dir=directory, **changes)  # type: ignore[arg-type]


def test_a_port_is_taken_from_the_moment_it_is_listened_on(tmp_path: Path):
    with listen(settings(tmp_path, port=0)) as first:
        port = first.getsockname()[1]

        assert address_of(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(PortTaken, match=f"Port {port} of 127.0.0.1 is taken"):
            listen(settings(tmp_path, port=port))


def test_an_address_for_everybody_is_told_as_this_machines_own(tmp_path: Path):
    with listen(settings(tmp_path, host="0.0.0.0", port=0)) as listening:
        assert address_of(listening).startswith("http://127.0.0.1:")


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 70 + ".invalid", ""])
def test_an_address_that_is_not_ours_is_a_setting_to_mend(tmp_path: Path, host: str):
    with pytest.raises(InvalidSetting, match="QDPI_HOST"):
        listen(settings(tmp_path, host=host, port=0))


@pytest.mark.parametrize(
    ("given", "named", "not_named"),
    [
        ({}, ["data   {data}"], ["Kafka", "Cassandra"]),
        ({"kafka_brokers": "k:1"}, ["bus    Kafka at k:1", "data   {data}"], ["Cassandra"]),
        ({"cassandra_hosts": "c:2"}, ["store  Cassandra at c:2, keyspace gibsey", "data   {data}"], ["Kafka"]),
        ({"kafka_brokers": "k:1", "cassandra_hosts": "c:2"}, ["Kafka at k:1", "Cassandra at c:2"], ["{data}"]),
    ],
)
def test_the_invitation_names_the_servers_or_the_directory_that_hold_what_is_kept(
    tmp_path: Path, given: dict[str, str], named: list[str], not_named: list[str]
):
    there = settings(tmp_path, port=0, **given)
    with listen(there) as listening:
        told = invitation(there, listening, factories.canon_revision(), "offline")

    assert all(words.format(data=tmp_path) in told for words in named)
    assert not any(words.format(data=tmp_path) in told for words in not_named)


def test_the_invitation_gets_a_signed_session_where_sessions_are_signed(tmp_path: Path):
    assert session_of(settings(tmp_path), "http://x") == "S=first-journey"
    assert "http://x/api/v1/session" in session_of(settings(tmp_path, secret="s"), "http://x")


async def test_workers_that_do_not_finish_in_time_are_dropped():
    stopping, dropped, asked = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def stuck() -> None:
        stopping.set()
        try:
            await asyncio.Event().wait()
        finally:
            dropped.set()

    await work_until(stopping, WorkerGroup([ServiceWorker("stuck", (stuck,), asked.set)]), seconds=0.01)

    assert asked.is_set()
    assert dropped.is_set()


async def test_workers_that_finish_are_waited_for():
    stopping, asked, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def orderly() -> None:
        stopping.set()
        await asked.wait()
        finished.set()

    await work_until(stopping, WorkerGroup([ServiceWorker("orderly", (orderly,), asked.set)]))

    assert finished.is_set()


async def test_a_worker_that_fails_is_told():
    async def broken() -> None:
        raise QdpiError("It broke.")

    with pytest.raises(QdpiError, match="It broke"):
        await work_until(asyncio.Event(), WorkerGroup([ServiceWorker("broken", (broken,), lambda: None)]))


async def test_when_one_side_fails_the_other_is_ended_in_order_and_the_failure_told():
    stopping, ended = asyncio.Event(), asyncio.Event()

    async def failing() -> None:
        raise QdpiError("It broke.")

    async def orderly() -> None:
        await stopping.wait()
        ended.set()

    with pytest.raises(QdpiError, match="It broke"):
        await side_by_side(stopping, failing(), orderly())
    assert ended.is_set()
