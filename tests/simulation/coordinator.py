"""Group coordinator of the simulated Kafka: cooperative rebalances, session timeouts, fenced commits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from random import Random

from tests.simulation.log import Log
from tests.simulation.network import Caller

from qdpi.bus.port import Delivery, Lag, Partition, Record


@dataclass(eq=False)
class Member:
    """The coordinator's state of a member.

    A partition to be revoked is first `wanted` by another member, then `revoking` once a poll has returned
    its revocation, and released at the next fetch; until then its offsets may be committed. `lost` are the
    partitions of an expelled member until its next poll returns them as revoked.
    """

    topics: tuple[str, ...]
    caller: Caller | None
    polled_at: float
    positions: dict[Partition, int] = field(default_factory=dict)
    wanted: set[Partition] = field(default_factory=set)
    revoking: set[Partition] = field(default_factory=set)
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

    # joining and leaving

    def join(self, topics: tuple[str, ...], caller: Caller | None, now: float) -> Member:
        """Add a member and rebalance."""
        member = Member(topics, caller, now)
        self._topics |= dict.fromkeys(topics)
        self._members.append(member)
        self.rebalance()
        return member

    def leave(self, member: Member) -> None:
        """Remove a member; its partitions are reassigned at once."""
        if member in self._members:
            self._members.remove(member)
        member.is_member = False
        member.positions.clear()
        self.rebalance()

    def expel(self, member: Member) -> None:
        """Expel a member. Its next poll returns its partitions as revoked and joins it again."""
        member.lost = tuple(sorted(member.positions))
        member.wanted.clear()
        member.revoking.clear()
        self.leave(member)

    def expire(self, now: float) -> None:
        """Expel the members that have not polled within the session timeout."""
        for member in [m for m in self._members if now - m.polled_at > self._session_timeout]:
            self.expel(member)

    # reading and committing

    def has_news_for(self, member: Member, paused: Collection[Partition]) -> bool:
        """Return whether a poll would change the member's state or return records."""
        if not member.is_member or member.wanted or member.revoking:
            return True
        return any(len(self._log.records(p)) > at for p, at in member.positions.items() if p not in paused)

    def poll(self, member: Member, limit: int, paused: Collection[Partition], now: float, *, first: bool) -> Delivery:
        """Return revocations or records. The first poll of a fetch releases the partitions revoked before it."""
        member.polled_at = now
        if not member.is_member:
            return self._rejoin(member)
        if first and member.revoking:
            for partition in sorted(member.revoking):
                member.positions.pop(partition, None)
            member.revoking.clear()
            self.rebalance()
        if member.wanted:
            member.revoking, member.wanted = member.wanted, set()
            return Delivery(revoked=tuple(sorted(member.revoking)))
        return Delivery(self._read(member, limit, paused))

    def _rejoin(self, member: Member) -> Delivery:
        lost, member.lost, member.is_member = member.lost, (), True
        self._members.append(member)
        self.rebalance()
        return Delivery(revoked=lost)

    def _read(self, member: Member, limit: int, paused: Collection[Partition]) -> list[Record]:
        readable = [p for p in member.positions if p not in paused and p not in member.revoking]
        self._chance.shuffle(readable)
        found: list[Record] = []
        for partition in readable:
            start = member.positions[partition]
            records = self._log.records(partition)[start : start + limit - len(found)]
            member.positions[partition] += len(records)
            found += records
        return found

    def commit(self, member: Member, offsets: Mapping[Partition, int]) -> None:
        """Store the offsets of partitions that the member still owns."""
        for partition, offset in offsets.items():
            if member.is_member and partition in member.positions:
                self.committed[partition] = max(offset, self.committed.get(partition, 0))

    def lag(self) -> list[Lag]:
        """Return the lag of each partition."""
        return [self._lag(partition) for partition in self._log.partitions_of(self._topics)]

    def _lag(self, partition: Partition) -> Lag:
        behind = self._log.records(partition)[self.committed.get(partition, 0) :]
        return Lag(partition, len(behind), behind[0].taken_at if behind else None)

    # assignment

    def rebalance(self) -> None:
        """Assign partitions without an owner, and mark those that a more loaded member should release."""
        self.rebalances += 1
        there = self._log.partitions_of(self._topics)
        self._keep_only(there)
        owned = {partition for member in self._members for partition in member.positions}
        for partition in there:
            if partition not in owned:
                self._give(partition)
        for partition in there:
            self._balance(partition)
        self._log.wake()

    def _keep_only(self, there: Collection[Partition]) -> None:
        kept = set(there)
        self.committed = {p: offset for p, offset in self.committed.items() if p in kept}
        for member in self._members:
            member.positions = {p: at for p, at in member.positions.items() if p in kept}
            member.wanted &= kept
            member.revoking &= kept

    def _give(self, partition: Partition) -> None:
        fit = [member for member in self._members if partition.topic in member.topics]
        if fit:
            min(fit, key=_load).positions[partition] = self.committed.get(partition, 0)

    def _balance(self, partition: Partition) -> None:
        fit = [member for member in self._members if partition.topic in member.topics]
        owner = next((member for member in fit if partition in member.positions), None)
        if owner is None or partition in owner.wanted | owner.revoking:
            return
        coming = sum(len(member.wanted) + len(member.revoking) for member in fit)
        least = min(map(_load, fit))
        if _load(owner) - 1 > least + coming:
            owner.wanted.add(partition)


def _load(member: Member) -> int:
    return len(member.positions) - len(member.wanted) - len(member.revoking)
