"""The names in Redis."""

from __future__ import annotations

from tertulia.ids import NodeId, RoomId
from tertulia.redis.slots import slot_of
from tertulia.state import keys


def test_all_names_of_a_room_share_a_slot() -> None:
    room = RoomId("6f1c0000-0000-4000-8000-000000000000")
    names = [*keys.room_keys(room), keys.room_events(room), room]
    assert len({slot_of(name) for name in names}) == 1
    by_name = (keys.room, keys.participants, keys.seen, keys.removed, keys.chat, keys.standing)
    assert keys.room_keys(room) == tuple(name(room) for name in by_name)
    assert keys.room(room) == "room:{6f1c0000-0000-4000-8000-000000000000}"
    assert keys.participants(room) == "room:{6f1c0000-0000-4000-8000-000000000000}:participants"


def test_both_keys_of_a_registry_share_a_slot() -> None:
    for registry in (keys.SFU_NODES, keys.WEB_WORKERS):
        assert slot_of(registry.entries) == slot_of(registry.beats)


def test_a_node_has_a_channel_of_its_own() -> None:
    assert keys.sfu_commands(NodeId("n")) == "sfu:{n}:commands"
