"""What a run of chaos is made of; its short and its long form."""

from __future__ import annotations

import random
from enum import StrEnum
from typing import Final, NamedTuple

from tests.faults.witness import LOST_ANSWERS, KillPoint


class Terms(NamedTuple):
    """The seed, how much is pressed by how many (in waves, until all troubles are over), and the troubles."""

    seed: int
    nodes: int
    journeys: int
    """Journeys of a wave."""
    presses: int
    """Presses of each of them."""
    generators: int
    kills: int
    """Kills of a generator at each of the kill points."""
    troubles: int
    """Troubles of each other kind."""
    patience: float
    """Seconds after which what is not answered counts as lost."""


SHORT: Final = Terms(seed=4, nodes=1, journeys=40, presses=5, generators=3, kills=1, troubles=1, patience=600)
LONG: Final = Terms(seed=4, nodes=1, journeys=200, presses=10, generators=4, kills=8, troubles=6, patience=7_200)


class Trouble(StrEnum):
    """What happens besides generators that are killed at a point of their work."""

    ZOMBIE = "a generator stopped past its session, then continued"
    JOIN_AND_LEAVE = "a member joins and leaves"
    SUPPORT = "an enricher, recorder and indexer killed"
    GATEWAY = "a gateway killed and started again"
    BROKER = "a broker killed and started again"
    NODE = "a Cassandra node killed and started again"


def deaths(terms: Terms) -> list[str]:
    """Return the troubles that generators' lives are born with, in the seed's order."""
    named = [*KillPoint, LOST_ANSWERS] * terms.kills
    return random.Random(terms.seed).sample(named, len(named))


def troubles(terms: Terms) -> list[Trouble]:
    """Return the other troubles, in the seed's order."""
    named = [*Trouble] * terms.troubles
    return random.Random(terms.seed + 1).sample(named, len(named))
