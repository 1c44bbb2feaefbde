"""What happens in a world: a list of actions, drawn from a seed. Any part of it is a story too."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from tertulia.contract.fields import Topology

GAPS: Final = (0.0, 0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.5, 2.0)
LONG_GAPS: Final = (4.0, 8.0, 12.0, 25.0, 40.0)
"""Seconds. A keep-alive interval is 10, a seat lasts 30."""


TOPOLOGIES: Final[tuple[Topology, ...]] = ("sfu", "sfu", "sfu", "p2p")


class Action(NamedTuple):
    """One thing that happens ``gap`` seconds after the one before. What ``who``, ``where`` and ``how`` mean depends on
    the kind; each is taken modulo what there is. ``luck`` decides how long messages take from then on."""

    kind: str
    gap: float
    who: int
    where: int
    how: int
    luck: int

    def __str__(self) -> str:
        return f"+{self.gap:g} {self.kind} who={self.who} where={self.where} how={self.how}"


CALM: Final[dict[str, int]] = {
    "join": 14,
    "leave": 4,
    "close": 3,
    "update": 4,
    "hand": 3,
    "chat": 6,
    "whisper": 2,
    "offer": 3,
    "join_again": 1,
}
"""kind → weight; every story has these."""

EXTRAS: Final[dict[str, int]] = {
    "cut": 8,
    "come_back": 8,
    "come_anew": 4,
    "silence": 3,
    "remove": 3,
    "rest_remove": 3,
    "rest_end": 4,
    "end": 3,
    "record": 2,
    "mute_all": 1,
}
"""Of these each story has some."""

RECORDING: Final[dict[str, int]] = {
    "opt_out": 4,
    "offer": 2,
    "record": 3,
    "rest_record": 4,
    "rest_stop_recording": 2,
}
"""Some of these are put in between, in half of the stories."""

FAULTS: Final[dict[str, int]] = {
    "kill_hub": 2,
    "restart_hub": 2,
    "stop_hub": 3,
    "kill_node": 2,
    "stop_node": 2,
    "flush": 3,
    "lose_key": 3,
    "redis_away": 2,
    "redis_hangs": 2,
    "break_calls": 4,
    "break_channels": 4,
    "sql_trouble": 2,
    "rough": 3,
}
"""Of these too, but not all stories."""


CONTROL: Final[dict[str, int]] = {
    "settings": 3,
    "rest_settings": 3,
    "admit": 4,
    "deny": 1,
    "lower_hand": 1,
    "hand": 1,
    "spotlight": 2,
    "set_role": 3,
    "set_permissions": 3,
    "join": 3,
    "offer": 3,
}
"""The same, in a third of the stories."""


NODES: Final[dict[str, int]] = {"offer": 6, "drain_node": 2, "stop_node": 2, "miss_media": 3, "cut": 1, "leave": 1}
"""Some of these are put in between, in a third of the stories."""


GIVEN_UP: Final[dict[str, int]] = {"give_up": 4, "offer": 4, "join": 2, "kill_node": 1, "stop_node": 1}
"""The same, in a third of the stories."""


class Story(NamedTuple):
    """The actors and what happens to them."""

    seed: int
    users: int
    hubs: int
    nodes: int
    limit: int
    topology: Topology
    actions: tuple[Action, ...]


def tell(seed: int) -> Story:
    """The story of a seed."""
    rng = random.Random(seed)
    weights = dict(CALM)
    weights |= {kind: weight for kind, weight in EXTRAS.items() if rng.random() < 0.6}
    if rng.random() < 0.75:
        share = rng.choice((0.15, 0.3, 0.6))
        weights |= {kind: weight for kind, weight in FAULTS.items() if rng.random() < share}
    kinds, odds = list(weights), list(weights.values())
    length = rng.choice((8, 12, 16, 24))
    actions = [_action(rng, kind) for kind in rng.choices(kinds, odds, k=length)]
    actions = _given_up(seed, _controlled(seed, _moved(seed, _recorded(seed, actions))))
    return Story(
        seed=seed,
        users=rng.randint(2, 4),
        hubs=rng.randint(1, 3),
        nodes=rng.randint(1, 2),
        limit=rng.choice((2, 100, 100)),
        topology=rng.choice(TOPOLOGIES),
        actions=tuple(actions),
    )


def _recorded(seed: int, actions: list[Action]) -> list[Action]:
    """By dice of its own, so that all else in the story stays as it is."""
    rng = random.Random(f"recording {seed}")
    if rng.random() < 0.5:
        for kind in rng.choices(list(RECORDING), list(RECORDING.values()), k=rng.randint(2, 6)):
            actions.insert(rng.randint(1, len(actions)), _action(rng, kind))
    return actions


def _moved(seed: int, actions: list[Action]) -> list[Action]:
    """The same, for SFU nodes."""
    rng = random.Random(f"nodes {seed}")
    if rng.random() < 0.33:
        for kind in rng.choices(list(NODES), list(NODES.values()), k=rng.randint(3, 8)):
            actions.insert(rng.randint(1, len(actions)), _action(rng, kind))
    return actions


def _controlled(seed: int, actions: list[Action]) -> list[Action]:
    """The same, for what hosts decide."""
    rng = random.Random(f"control {seed}")
    if rng.random() < 0.33:
        for kind in rng.choices(list(CONTROL), list(CONTROL.values()), k=rng.randint(4, 10)):
            actions.insert(rng.randint(1, len(actions)), _action(rng, kind))
    return actions


def _given_up(seed: int, actions: list[Action]) -> list[Action]:
    """The same, for rooms that nodes give up."""
    rng = random.Random(f"given up {seed}")
    if rng.random() < 0.33:
        for kind in rng.choices(list(GIVEN_UP), list(GIVEN_UP.values()), k=rng.randint(3, 8)):
            actions.insert(rng.randint(1, len(actions)), _action(rng, kind))
    return actions


def _action(rng: random.Random, kind: str) -> Action:
    gap = rng.choice(LONG_GAPS) if rng.random() < 0.1 else rng.choice(GAPS)
    return Action(kind, gap, rng.randrange(64), rng.randrange(64), rng.randrange(64), rng.randrange(1 << 30))
