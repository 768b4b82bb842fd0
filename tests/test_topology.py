"""The table of senders and receivers, compared with the running services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.flow import WORKERS, Flow, working
from tests.support.gateway import GatewayFixture, gateway_in

from qdpi.bus.port import EventBus, Message
from qdpi.bus.publisher import Publisher
from qdpi.events import TOPICS, DeadLetter, PageEvent
from qdpi.system import System
from qdpi.topology import COMPONENTS, EventModel


@dataclass
class Noted:
    """A bus that records its calls."""

    bus: EventBus
    joined: dict[str, set[str]] = field(default_factory=dict)
    tapped: set[str] = field(default_factory=set)
    published: set[str] = field(default_factory=set)

    async def join(self, group: str, topics: Iterable[str]) -> Any:
        self.joined[group] = set(topics)
        return await self.bus.join(group, self.joined[group])

    def tap(self, topics: Iterable[str], *args: Any, **kwargs: Any) -> Any:
        wanted = list(topics)
        if set(wanted) != set(TOPICS):  # the test's own
            self.tapped |= set(wanted)
        return self.bus.tap(wanted, *args, **kwargs)

    async def publish(self, message: Message) -> None:
        self.published.add(message.topic)
        await self.bus.publish(message)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bus, name)


def noting(into: dict[str, Noted], name: str) -> Callable[[System], System]:
    def wrap(system: System) -> System:
        bus: Any = Noted(system.bus)
        into[name] = bus
        return replace(system, bus=bus, publisher=Publisher(bus, system.settings.page_events))

    return wrap


@asynccontextmanager
async def a_process_for_each_worker(directory: Path, noted: dict[str, Noted]) -> AsyncIterator[Flow]:
    async with AsyncExitStack() as stack:
        for name in WORKERS:
            await stack.enter_async_context(working(directory, workers=(name,), wrap=noting(noted, name)))
        yield await stack.enter_async_context(working(directory, workers=()))


def topics(models: Iterable[EventModel]) -> set[str]:
    return {model.topic for model in models}


async def test_workers_match_the_topology(tmp_path: Path):
    """Each worker joins, taps and publishes the topics of the table."""
    noted: dict[str, Noted] = {}
    async with a_process_for_each_worker(tmp_path, noted) as flow:
        written = await flow.press("alice", 0)
        await flow.press("alice", 0, "S99-P9999")
        assert written.page is not None
        await flow.save("alice", written.page.page_id)
        await flow.published.until(PageEvent, lambda event: event.change == "indexed")
        await flow.published.until(PageEvent, lambda event: event.change == "saved")
        for name in WORKERS:
            topic = COMPONENTS[name].receives[-1].topic
            await flow.system.bus.publish(Message(topic, b"key", b"no event"))
        await flow.published.until(DeadLetter, lambda letter: letter.group != "qdpi.page_generator", count=3)

    for name in WORKERS:
        service = COMPONENTS[name]
        assert noted[name].joined == {service.group: topics(service.receives)}
        assert noted[name].tapped == topics(service.taps)
        assert noted[name].published == topics(service.sends), name


async def every_call(gateway: GatewayFixture) -> None:
    body = {"session_id": "alice", "symbol_code": 0, "user_intent": "Who?", "event_id": "e", "page_id": "S01-P0001"}
    for path in ("event/ui/symbol", "event/ask", "event/stop", "vault/alice", "journey/alice/place"):
        answer = await gateway.client.post(f"/api/v1/{path}", json=body)
        assert answer.status_code == 200, answer.text


async def test_gateway_matches_the_topology(tmp_path: Path):
    """The gateway taps and publishes the topics of the table."""
    noted: dict[str, Noted] = {}
    async with gateway_in(tmp_path, wrap=noting(noted, "gateway")) as gateway:
        await every_call(gateway)

    assert noted["gateway"].joined == {}
    assert noted["gateway"].tapped == topics(COMPONENTS["gateway"].taps)
    assert noted["gateway"].published == topics(COMPONENTS["gateway"].sends)


@pytest.mark.parametrize("name", COMPONENTS)
def test_topology_names_each_event_once(name: str):
    """A service names each event once."""
    service = COMPONENTS[name]

    for models in (service.sends, (*service.receives, *service.taps)):
        assert len(set(models)) == len(models)
