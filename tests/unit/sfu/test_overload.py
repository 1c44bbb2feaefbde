"""A node with too much to do gives up rooms where that helps, and never for nothing."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tertulia.ids import NodeId, RoomId
from tertulia.room.placement import GivenUp, Node
from tertulia.sfu.overload import (
    GIVEN_FOR,
    KEPT_FOR,
    MOST_TOGETHER,
    RESTS,
    SETTLED,
    SMOOTHED,
    TOGETHER,
    WEIGHED_FOR,
    Choose,
    Need,
    Overload,
    Weigh,
)

BEAT = 0.3
LIMIT = 0.8
MOVES_WITHIN = 1.5
"""Seconds until a room that is given up costs the other node what it did."""
DAY = 600.0
"""Seconds of a course."""
TWO = [RoomId("x"), RoomId("y")]


def node(name: str, load: float, region: str = "r", *, draining: bool = False, gives: GivenUp | None = None) -> Node:
    return Node(
        id=NodeId(name),
        region=region,
        ip="192.0.2.1",
        ports=[1],
        load=load,
        rooms=0,
        peers=0,
        draining=draining,
        gives_up=gives,
    )


@dataclass
class Site:
    """Nodes with rooms, each with what it costs there."""

    rooms: dict[str, dict[str, float]]
    regions: dict[str, str] = field(default_factory=dict)
    rng: random.Random | None = None
    """Loads are as uneven as real ones."""
    limit: float = LIMIT
    now: float = 100.0
    moves: list[tuple[float, str, str, str]] = field(default_factory=list)
    """When, which room, from, to."""
    asked: list[Need] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.overloads = {
            name: Overload(NodeId(name), self.regions.get(name, "r"), self.limit, self.now) for name in self.rooms
        }
        self._leaving: list[tuple[float, str, str, str]] = []
        self._packets: dict[str, float] = {}

    def load(self, name: str) -> float:
        uneven = self.rng.uniform(0.9, 1.1) if self.rng else 1.0
        return min(1.0, sum(self.rooms[name].values()) * uneven)

    def entries(self) -> list[Node]:
        return [
            node(name, self.load(name), self.regions.get(name, "r"), gives=self.overloads[name].given)
            for name in self.rooms
        ]

    def run(self, seconds: float) -> Site:
        until = self.now + seconds
        while self.now < until:
            self.now += BEAT
            for room, cost in [item for rooms in self.rooms.values() for item in rooms.items()]:
                self._packets[room] = self._packets.get(room, 0) + cost * 100_000
            for name, overload in self.overloads.items():
                self._beat(name, overload)
            self._move()
        return self

    def _beat(self, name: str, overload: Overload) -> None:
        need = overload.beat(load := self.load(name), load, [RoomId(room) for room in self.rooms[name]], self.now)
        match need:
            case Weigh():
                for room in self.rooms[name]:
                    overload.weighed(RoomId(room), int(self._packets[room]))
            case Choose(costs):
                given = overload.choose(costs, self.entries(), self.now)
                if given is not None:
                    self._leaving += [(self.now + MOVES_WITHIN, room, name, given.to) for room in given.rooms]
        if need is not None:
            self.asked.append(need)

    def _move(self) -> None:
        for move in [move for move in self._leaving if move[0] <= self.now]:
            self._leaving.remove(move)
            at, room, from_node, to = move
            self.rooms[to][room] = self.rooms[from_node].pop(room)
            self.moves.append((at, room, from_node, to))


def test_a_node_that_has_little_to_do_asks_for_nothing() -> None:
    site = Site({"a": {"x": 0.4, "y": 0.39}, "b": {}}).run(DAY)
    assert (site.moves, site.asked) == ([], [])


def test_a_node_with_too_much_to_do_gives_up_the_room_that_leaves_both_with_least() -> None:
    site = Site({"a": {"w": 0.5, "x": 0.3, "y": 0.15, "z": 0.01}, "b": {"v": 0.2}}).run(60)
    assert [move[1:] for move in site.moves] == [("x", "a", "b")]
    assert site.moves[0][0] - 100 >= SETTLED


def test_a_short_crowd_is_no_reason() -> None:
    site = Site({"a": {"x": 0.3, "y": 0.3}, "b": {}}).run(60)
    site.rooms["a"]["x"] = 0.7
    site.run(SMOOTHED / 2)
    site.rooms["a"]["x"] = 0.3
    assert site.run(60).moves == []


def test_a_room_that_would_fill_the_other_node_stays_and_a_smaller_one_goes() -> None:
    site = Site({"a": {"x": 0.75, "y": 0.1}, "b": {"z": 0.1}}).run(60)
    assert [move[1] for move in site.moves] == ["y"]


@pytest.mark.parametrize(
    "rooms",
    [
        {"a": {"x": 1.0}, "b": {}},
        {"a": {"x": 0.5, "y": 0.4}, "b": {"z": 0.6}},
        {"a": {"x": 0.5, "y": 0.4}},
        {"a": {f"x{number}": 0.0003 for number in range(3000)}, "b": {}},
        {"a": {f"x{number}": 0.01 for number in range(90)}, "b": {"y": 0.7}},
        {"a": {}, "b": {}},
    ],
    ids=["one large room", "all are busy", "no other node", "rooms too small to matter", "small ones", "no rooms"],
)
def test_nothing_is_given_up_where_that_would_not_help(rooms: dict[str, dict[str, float]]) -> None:
    assert Site(rooms).run(DAY).moves == []


def test_another_region_a_node_that_drains_and_one_that_is_to_get_another_room_are_no_help() -> None:
    site = Site({"a": {"x": 0.5, "y": 0.4}, "b": {}}, {"b": "elsewhere"})
    assert site.run(DAY).moves == []
    coming = GivenUp(rooms=[RoomId("z")], to=NodeId("b"), load=0.5)
    for others in ([node("b", 0.0, draining=True)], [node("b", 0.0), node("c", 1.0, gives=coming)]):
        overload, costs = weighed()
        assert overload.choose(costs, [node("a", 1.0), *others], 200.0) is None
    overload, costs = weighed()
    assert overload.choose(costs, [node("a", 1.0), node("b", 0.0)], 200.0) is not None


def weighed(limit: float = LIMIT) -> tuple[Overload, Mapping[RoomId, float]]:
    """Node a, which has too much to do with two rooms, and what they cost."""
    overload, now, packets = Overload(NodeId("a"), "r", limit, 0.0), 100.0, 0
    overload.beat(0.0, 0.0, TWO, now - SETTLED)
    while not isinstance(need := overload.beat(1.0, 1.0, TWO, now), Choose):
        now, packets = now + BEAT, packets + 1_000
        for room in ("x", "y"):
            overload.weighed(RoomId(room), packets)
    return overload, need.costs


def test_a_room_costs_what_its_thread_would_do_less() -> None:
    """Four threads on two cores, each with 0.45 of one to do: the process is full, not the thread."""
    overload, now, packets = Overload(NodeId("a"), "r", LIMIT, 0.0), 100.0, 0
    overload.beat(0.0, 0.0, TWO, now - SETTLED)
    while not isinstance(need := overload.beat(0.9, 0.225, TWO, now), Choose):
        now, packets = now + BEAT, packets + 1_000
        for room in TWO:
            overload.weighed(room, packets)
    assert need.costs == pytest.approx(dict.fromkeys(TWO, 0.1125), abs=0.01)
    given = overload.choose(need.costs, [node("sibling", 0.9), node("b", 0.5)], now)
    assert given is not None
    assert given.to == "b"


def test_a_room_that_has_begun_anew_meanwhile_costs_nothing() -> None:
    overload, now, turns = Overload(NodeId("a"), "r", LIMIT, 0.0), 100.0, 0
    overload.beat(0.0, 0.0, TWO, now - SETTLED)
    while not isinstance(need := overload.beat(1.0, 1.0, TWO, now), Choose):
        now, turns = now + BEAT, turns + 1
        overload.weighed(TWO[0], turns * 1_000)
        overload.weighed(TWO[1], 1_000_000 // turns)
    assert need.costs == pytest.approx({TWO[0]: 1.0, TWO[1]: 0.0}, abs=0.05)


def test_small_rooms_go_together() -> None:
    """A tenth of the work at a time, until the node has no longer too much to do."""
    small = {f"x{number}": 0.008 for number in range(120)}
    site = Site({"a": dict(small), "b": {}}).run(DAY)
    times = [at for at, *_ in site.moves]
    at_once = [times.count(at) for at in dict.fromkeys(times)]
    assert len(at_once) == 2
    assert all(count == int(TOGETHER * load / 0.008) for count, load in zip(at_once, (0.96, 0.96 * 0.9), strict=True))
    assert sum(site.rooms["a"].values()) < LIMIT


def test_so_many_small_rooms_go_at_once_at_most_the_largest_of_them_first() -> None:
    small = {f"x{number}": 0.0005 * (1 if number % 4 else 2) for number in range(1440)}
    site = Site({"a": dict(small), "b": {}})
    while not site.moves:
        site.run(BEAT)
    assert len(site.moves) == MOST_TOGETHER
    assert {small[room] for _, room, *_ in site.moves} == {0.001}


def test_where_a_large_room_cannot_go_small_ones_do() -> None:
    small = {f"x{number}": 0.01 for number in range(20)}
    site = Site({"a": {"large": 0.7, **small}, "b": {"y": 0.3}}).run(DAY)
    assert {room for _, room, *_ in site.moves} < small.keys()
    assert sum(site.rooms["a"].values()) < LIMIT


def test_small_rooms_go_until_the_two_are_even() -> None:
    site = Site({"a": {f"x{number}": 0.01 for number in range(90)}, "b": {"y": 0.69}}, limit=0.5).run(DAY)
    assert len(site.moves) in range(2, 11)


def test_a_room_that_came_a_moment_ago_stays() -> None:
    site = Site({"a": {"x": 0.6}, "b": {"z": 0.2}}).run(60)
    site.rooms["a"]["y"] = 0.35
    site.run(19.0)
    assert site.moves == []
    site.run(RESTS + WEIGHED_FOR + 2)
    assert [move[1] for move in site.moves] == ["y"]


def test_what_is_given_up_is_said_for_long_enough_and_a_rest_follows() -> None:
    overload, costs = weighed()
    given = overload.choose(costs, [node("b", 0.0)], 200.0)
    assert given is not None
    assert (given.rooms, given.to) == (["x"], "b")
    assert given.load == pytest.approx(0.45, abs=0.05)
    needs = []
    for tick in range(1, int((RESTS + 5) / BEAT)):
        needs.append(overload.beat(1.0, 1.0, TWO, 200.0 + tick * BEAT))
        assert overload.given == (given if tick * BEAT < GIVEN_FOR else None)
        assert overload.is_leaving(RoomId("x")) == (tick * BEAT < KEPT_FOR)
        assert not overload.is_leaving(RoomId("y"))
    assert needs.count(Weigh()) == 2
    assert set(needs[: int(RESTS / BEAT)]) == {None}


@dataclass
class Weighed:
    """Node a, which has too much to do, with two rooms that are weighed by hand."""

    overload: Overload = field(default_factory=lambda: Overload(NodeId("a"), "r", LIMIT, 0.0))
    now: float = 100.0

    def __post_init__(self) -> None:
        self.overload.beat(0.0, 0.0, TWO, self.now - SETTLED)

    def need(self, within: float) -> Need | None:
        """What it needs first of all in so many seconds."""
        until = self.now + within
        while self.now < until:
            self.now += BEAT
            need = self.overload.beat(1.0, 1.0, TWO, self.now)
            if need is not None:
                return need
        return None

    def weigh(self, packets: int, rooms: list[RoomId] = TWO) -> None:
        for room in rooms:
            self.overload.weighed(room, packets)


def test_what_rooms_weigh_may_come_late() -> None:
    node_a = Weighed()
    assert node_a.need(60) == Weigh()
    node_a.weigh(1_000)
    assert node_a.need(WEIGHED_FOR + 1) == Weigh()
    node_a.weigh(2_000, TWO[:1])
    assert node_a.need(WEIGHED_FOR - 1) is None
    node_a.weigh(2_000, TWO[1:])
    need = node_a.need(1)
    assert isinstance(need, Choose)
    assert need.costs.keys() == set(TWO)


@pytest.mark.parametrize("first", [TWO, []], ids=["the second time", "the first time"])
def test_where_it_is_not_known_what_rooms_weigh_that_is_begun_anew_at_once(first: list[RoomId]) -> None:
    node_a = Weighed()
    assert node_a.need(60) == Weigh()
    node_a.weigh(1_000, first)
    assert node_a.need(WEIGHED_FOR + 1) == Weigh()
    if first:
        node_a.weigh(2_000, first[:1])
        assert node_a.need(WEIGHED_FOR + 1) == Weigh()
    node_a.weigh(3_000)
    assert node_a.need(WEIGHED_FOR + 1) == Weigh()
    node_a.weigh(4_000)
    assert isinstance(node_a.need(BEAT), Choose)


def test_an_engine_that_cannot_be_asked_is_asked_again_at_the_next_heartbeat() -> None:
    node_a = Weighed()
    for _ in range(3):
        assert node_a.need(60) == Weigh()
        node_a.overload.not_weighed()
        assert node_a.need(BEAT) == Weigh()
    node_a.weigh(1_000)
    assert node_a.need(WEIGHED_FOR + 1) == Weigh()


def test_a_room_that_has_ended_is_not_waited_for() -> None:
    node_a = Weighed()
    assert node_a.need(60) == Weigh()
    node_a.weigh(1_000, [*TWO, RoomId("z")])
    assert node_a.need(WEIGHED_FOR + 1) == Weigh()
    node_a.weigh(2_000)
    assert isinstance(node_a.need(BEAT), Choose)


def test_it_is_asked_for_the_nodes_until_they_are_known() -> None:
    overload, costs = weighed()
    for _ in range(3):
        assert isinstance(overload.beat(1.0, 1.0, TWO, 150.0), Choose)
    overload.choose(costs, [], 150.0)
    assert overload.beat(1.0, 1.0, TWO, 150.1) is None


def test_without_a_limit_no_room_is_given_up() -> None:
    assert Site({"a": {"x": 0.6, "y": 0.4}, "b": {}}, limit=0.0).run(DAY).asked == []


@pytest.mark.parametrize(
    ("seed", "most", "sizes"),
    [(seed, 40, (0.02, 0.1, 0.3)) for seed in range(60)] + [(seed, 120, (0.004, 0.01, 0.02)) for seed in range(20)],
)
def test_on_any_course_the_load_evens_out_and_then_nothing_moves(
    seed: int, most: int, sizes: tuple[float, ...]
) -> None:
    """Rooms of any size on up to five nodes, whose loads are as uneven as real ones."""
    rng = random.Random(seed)
    names = "abcde"[: rng.randint(2, 5)]
    rooms: dict[str, dict[str, float]] = {name: {} for name in names}
    free = {name: rng.choice((0.3, 1.0, 1.0)) for name in names}
    for number in range(rng.randint(1, most)):
        name = rng.choice(names)
        cost = min(rng.choice(sizes) * rng.uniform(0.5, 1.5), free[name])
        if cost > 0:
            free[name] -= cost
            rooms[name][f"x{number}"] = cost
    site = Site(rooms, rng=rng)
    before = max(sum(of.values()) for of in rooms.values())
    site.run(DAY)
    loads = {name: sum(of.values()) for name, of in rooms.items()}
    assert max(loads.values()) <= before
    for name in [name for name in names if loads[name] > 1.1 * LIMIT]:
        coolest = min(load for other, load in loads.items() if other != name)
        assert not any(coolest + cost < 0.7 * loads[name] for cost in rooms[name].values() if cost > 0.03)
        small = sum(cost for cost in rooms[name].values() if cost < 0.01)
        assert small < 0.1 or coolest + 0.1 >= 0.7 * loads[name]
    for name in names:
        times = dict.fromkeys(at for at, _, source, _ in site.moves if source == name)
        assert all(later - at >= RESTS - BEAT for at, later in itertools.pairwise(times))
    for room in {move[1] for move in site.moves}:
        path = [move[2:] for move in site.moves if move[1] == room]
        assert len({source for source, _ in path}) == len(path), f"{room} went {path}"
    settled = len(site.moves)
    assert len(site.run(DAY).moves) == settled, site.moves[settled:]
