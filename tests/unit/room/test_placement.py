"""Placement: region, then load with recent placements, never a draining node."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tertulia.ids import NodeId
from tertulia.room.placement import FRESH_MS, Node, RecentPlacements, choose_node, room_region


def node(name: str, region: str = "eu", load: float = 0.0, rooms: int = 0, draining: bool = False) -> Node:
    return Node(
        id=NodeId(name), region=region, ip="127.0.0.1", ports=[1], load=load, rooms=rooms, peers=0, draining=draining
    )


def chosen(nodes: list[Node], wanted: str | None, recent: dict[NodeId, int] | None = None) -> str | None:
    found = choose_node(nodes, wanted, "eu", recent or {})
    return None if found is None else found.id


def test_the_wanted_region_wins_over_load() -> None:
    nodes = [node("a", "eu", 0.0), node("b", "us", 0.9)]
    assert chosen(nodes, "us") == "b"
    assert chosen(nodes, "eu") == "a"


def test_an_unknown_region_falls_back_to_the_default_one_then_to_any() -> None:
    assert chosen([node("a", "eu", 0.9), node("b", "us", 0.0)], "moon") == "a"
    assert chosen([node("a", "eu", 0.9), node("b", "us", 0.0)], None) == "a"
    assert chosen([node("b", "us", 0.5), node("c", "as", 0.4)], "moon") == "c"


def test_nobody_alive_is_none() -> None:
    assert chosen([], "eu") is None
    assert chosen([node("a", draining=True)], "eu") is None


def test_a_draining_node_is_never_chosen() -> None:
    assert chosen([node("a", "eu", 0.0, draining=True), node("b", "eu", 1.0)], "eu") == "b"
    assert chosen([node("a", "us", 0.0, draining=True), node("b", "eu", 1.0)], "us") == "b"


def test_the_least_load_wins_then_the_fewest_rooms_then_the_id() -> None:
    assert chosen([node("a", load=0.5), node("b", load=0.4)], "eu") == "b"
    assert chosen([node("a", rooms=3), node("b", rooms=2)], "eu") == "b"
    assert chosen([node("b"), node("a")], "eu") == "a"


def test_a_burst_of_rooms_spreads() -> None:
    nodes, recent = [node("a", load=0.10), node("b", load=0.11), node("c", load=0.10)], RecentPlacements()
    for i in range(30):
        found = choose_node(nodes, "eu", "eu", recent.counts(i))
        assert found is not None
        recent.add(found.id, i)
    assert all(9 <= n <= 11 for n in recent.counts(30).values())


def test_recent_placements_are_forgotten() -> None:
    recent = RecentPlacements()
    recent.add(NodeId("a"), 0)
    recent.add(NodeId("a"), 5)
    recent.add(NodeId("b"), 6)
    assert recent.counts(FRESH_MS - 1) == {"a": 2, "b": 1}
    assert recent.counts(FRESH_MS) == {"a": 1, "b": 1}
    assert recent.counts(FRESH_MS + 6) == {}


def test_a_room_takes_the_region_it_asked_for_if_a_node_is_there() -> None:
    nodes = [node("a", "us", draining=True), node("b", "eu"), node("c", "as")]
    assert room_region(nodes, "as", "eu") == "as"
    assert room_region(nodes, "us", "eu") == "us", "known, though its nodes drain"
    assert room_region(nodes, "moon", "eu") == "eu"
    assert room_region(nodes, None, "eu") == "eu"


@given(
    st.lists(
        st.builds(
            node,
            st.text("abcdef", min_size=1, max_size=3),
            st.sampled_from(["eu", "us", "as"]),
            st.floats(0, 1),
            st.integers(0, 9),
            st.booleans(),
        ),
        max_size=8,
        unique_by=lambda n: n.id,
    ),
    st.sampled_from(["eu", "us", "as", "moon", None]),
)
def test_no_better_node_is_passed_over(nodes: list[Node], wanted: str | None) -> None:
    found = choose_node(nodes, wanted, "eu", {})
    usable = [n for n in nodes if not n.draining]
    assert (found is None) == (not usable)
    if found is not None:
        assert not found.draining
        regions = Counter(n.region for n in usable)
        assert found.region == next((r for r in (wanted, "eu") if r and regions[r]), found.region)
        assert all(n.load >= found.load for n in usable if n.region == found.region)
    # All hubs choose alike, whatever the order in which they read the registry.
    assert choose_node(nodes[::-1], wanted, "eu", {}) == found
