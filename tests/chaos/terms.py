"""Parameters of a chaos run, with a short and a long form."""

from __future__ import annotations

import random
from enum import StrEnum
from typing import Final, NamedTuple

from tests.faults.witness import LOST_ANSWERS, KillPoint


class Terms(NamedTuple):
    """The seed, the load (in waves, until all disruptions are over), and the numbers of kills and disruptions."""

    seed: int
    nodes: int
    journeys: int
    """Journeys of a wave."""
    presses: int
    """Presses of each journey."""
    generators: int
    kills: int
    """Kills of a generator at each of the kill points."""
    disruptions: int
    """Disruptions of each kind."""
    patience: float
    """Seconds after which an unanswered press counts as lost."""


SHORT: Final = Terms(seed=4, nodes=1, journeys=40, presses=5, generators=3, kills=1, disruptions=1, patience=600)
LONG: Final = Terms(seed=4, nodes=1, journeys=200, presses=10, generators=4, kills=8, disruptions=6, patience=7_200)


class Disruption(StrEnum):
    """Disruptions other than a generator killed at a kill point."""

    ZOMBIE = "a generator stopped past its session, then continued"
    JOIN_AND_LEAVE = "a member joins and leaves"
    SUPPORT = "an enricher, recorder and indexer killed"
    GATEWAY = "a gateway killed and started again"
    BROKER = "a broker killed and started again"
    NODE = "a Cassandra node killed and started again"


def deaths(terms: Terms) -> list[str]:
    """Return the kill points of the generators, one a process, in the seed's order."""
    named = [*KillPoint, LOST_ANSWERS] * terms.kills
    return random.Random(terms.seed).sample(named, len(named))


def disruptions(terms: Terms) -> list[Disruption]:
    """Return the disruptions in the seed's order."""
    named = [*Disruption] * terms.disruptions
    return random.Random(terms.seed + 1).sample(named, len(named))
