"""A simulated Kafka's group coordinator: cooperative rebalances, sessions that time out, fenced commits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from random import Random

from tests.simulation.log import Log
from tests.simulation.network import Caller

from qdpi.bus.port import Delivery, Lag, Partition, Record


@dataclass(eq=False)
class Member:
    """A member as its coordinator knows it.

    A partition to be revoked is first `wanted` by another, then `told`, and let go at the fetch after that;
    until then its offsets may be committed. `lost` is what an expelled member has not heard of yet.
    """

    topics: tuple[str, ...]
    caller: Caller | None
    heard_at: float
    positions: dict[Partition, int] = field(default_factory=dict)
    wanted: set[Partition] = field(default_factory=set)
    told: set[Partition] = field(default_factory=set)
    lost: tuple[Partition, ...] = ()
    is_member: bool = True


class Group:
    """A consumer group."""

    def __init__(self, log: Log, chance: Random, session_timeout: float) -> None:
        self._log, self._chance, self._session_timeout = log, chance, session_timeout
        self._members: list[Member] = []
        self._topics: dict[str, None] = {}
        self.committed: dict[Partition, int] = {}
        self.rebalances = 0

    # coming and going

    def join(self, topics: tuple[str, ...], caller: Caller | None, now: float) -> Member:
        """Take a member in."""
        member = Member(topics, caller, now)
        self._topics |= dict.fromkeys(topics)
        self._members.append(member)
        self.rebalance()
        return member

    def leave(self, member: Member) -> None:
        """Let a member go; what it owned falls to others at once."""
        if member in self._members:
            self._members.remove(member)
        member.is_member = False
        member.positions.clear()
        self.rebalance()

    def expel(self, member: Member) -> None:
        """Take a member for dead. It may come back, and is told then what it lost."""
        member.lost = tuple(sorted(member.positions))
        member.wanted.clear()
        member.told.clear()
        self.leave(member)

    def expire(self, now: float) -> None:
        """Expel those who have not been heard of for too long."""
        for member in [m for m in self._members if now - m.heard_at > self._session_timeout]:
            self.expel(member)

    # reading and committing

    def has_word_for(self, member: Member, paused: Collection[Partition]) -> bool:
        """Tell whether a poll would change or bring anything."""
        if not member.is_member or member.wanted or member.told:
            return True
        return any(len(self._log.records(p)) > at for p, at in member.positions.items() if p not in paused)

    def poll(self, member: Member, limit: int, paused: Collection[Partition], now: float, *, first: bool) -> Delivery:
        """Give a member what it lost, or records. The first poll of a fetch lets go of what was told before."""
        member.heard_at = now
        if not member.is_member:
            return self._come_back(member)
        if first and member.told:
            for partition in sorted(member.told):
                member.positions.pop(partition, None)
            member.told.clear()
            self.rebalance()
        if member.wanted:
            member.told, member.wanted = member.wanted, set()
            return Delivery(revoked=tuple(sorted(member.told)))
        return Delivery(self._read(member, limit, paused))

    def _come_back(self, member: Member) -> Delivery:
        lost, member.lost, member.is_member = member.lost, (), True
        self._members.append(member)
        self.rebalance()
        return Delivery(revoked=lost)

    def _read(self, member: Member, limit: int, paused: Collection[Partition]) -> list[Record]:
        readable = [p for p in member.positions if p not in paused and p not in member.told]
        self._chance.shuffle(readable)
        found: list[Record] = []
        for partition in readable:
            start = member.positions[partition]
            records = self._log.records(partition)[start : start + limit - len(found)]
            member.positions[partition] += len(records)
            found += records
        return found

    def commit(self, member: Member, offsets: Mapping[Partition, int]) -> None:
        """Store offsets of the partitions that are still this member's."""
        for partition, offset in offsets.items():
            if member.is_member and partition in member.positions:
                self.committed[partition] = max(offset, self.committed.get(partition, 0))

    def lag(self) -> list[Lag]:
        """Return how far the group is behind, by partition."""
        return [self._lag(partition) for partition in self._log.partitions_of(self._topics)]

    def _lag(self, partition: Partition) -> Lag:
        behind = self._log.records(partition)[self.committed.get(partition, 0) :]
        return Lag(partition, len(behind), behind[0].taken_at if behind else None)

    # who owns what

    def rebalance(self) -> None:
        """Give away what nobody owns, and ask the rich for what the poor should have, one at a time."""
        self.rebalances += 1
        there = self._log.partitions_of(self._topics)
        self._forget_all_but(there)
        owned = {partition for member in self._members for partition in member.positions}
        for partition in there:
            if partition not in owned:
                self._give(partition)
        for partition in there:
            self._even_out(partition)
        self._log.wake()

    def _forget_all_but(self, there: Collection[Partition]) -> None:
        kept = set(there)
        self.committed = {p: offset for p, offset in self.committed.items() if p in kept}
        for member in self._members:
            member.positions = {p: at for p, at in member.positions.items() if p in kept}
            member.wanted &= kept
            member.told &= kept

    def _give(self, partition: Partition) -> None:
        fit = [member for member in self._members if partition.topic in member.topics]
        if fit:
            min(fit, key=_load).positions[partition] = self.committed.get(partition, 0)

    def _even_out(self, partition: Partition) -> None:
        fit = [member for member in self._members if partition.topic in member.topics]
        owner = next((member for member in fit if partition in member.positions), None)
        if owner is None or partition in owner.wanted | owner.told:
            return
        coming = sum(len(member.wanted) + len(member.told) for member in fit)
        poorest = min(map(_load, fit))
        if _load(owner) - 1 > poorest + coming:
            owner.wanted.add(partition)


def _load(member: Member) -> int:
    return len(member.positions) - len(member.wanted) - len(member.told)
