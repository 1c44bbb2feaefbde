"""The JSON of SFU commands: as docs/architecture.md has it."""

from __future__ import annotations

import json

import pytest

from tertulia.contract.calls import WantedVideo
from tertulia.errors import Malformed
from tertulia.ids import RoomId, SeatId, TransportId, UserId, new_uuid
from tertulia.room import commands

USER = UserId(new_uuid())
ROOM, PEER, SEAT = RoomId("r"), TransportId("t"), SeatId("s")

WIRE = [
    (
        commands.Offer(
            room=ROOM,
            transport=PEER,
            seat=SEAT,
            user_id=USER,
            name="Ann",
            sdp="v=0",
            slots=True,
            tracks={"0": "microphone"},
        ),
        {
            "op": "offer",
            "room": "r",
            "transport": "t",
            "seat": "s",
            "userId": USER,
            "name": "Ann",
            "sdp": "v=0",
            "slots": True,
            "tracks": {"0": "microphone"},
        },
    ),
    (
        commands.Answer(room=ROOM, transport=PEER, sdp="v=0"),
        {"op": "answer", "room": "r", "transport": "t", "sdp": "v=0"},
    ),
    (
        commands.Candidate(room=ROOM, transport=PEER, candidate={"candidate": "", "sdpMid": "0"}),
        {"op": "candidate", "room": "r", "transport": "t", "candidate": {"candidate": "", "sdpMid": "0"}},
    ),
    (
        commands.View(room=ROOM, transport=PEER, videos=[WantedVideo(user_id=USER, source="screen", max_height=720)]),
        {
            "op": "view",
            "room": "r",
            "transport": "t",
            "videos": [{"userId": USER, "source": "screen", "maxHeight": 720}],
        },
    ),
    (
        commands.State(room=ROOM, transport=PEER, is_muted=True),
        {"op": "state", "room": "r", "transport": "t", "isMuted": True},
    ),
    (
        commands.Block(room=ROOM, transport=PEER, sources=["camera"]),
        {"op": "block", "room": "r", "transport": "t", "sources": ["camera"]},
    ),
    (commands.Close(room=ROOM, transport=PEER), {"op": "close", "room": "r", "transport": "t"}),
    (commands.End(room=ROOM), {"op": "end", "room": "r"}),
]


@pytest.mark.parametrize(("command", "wire"), WIRE, ids=lambda x: x["op"] if isinstance(x, dict) else "")
def test_each_command_has_its_form_and_comes_back(command: commands.Command, wire: dict[str, object]) -> None:
    assert json.loads(commands.encode(command)) == wire
    assert commands.decode(json.dumps(wire | {"later": 1}).encode()) == command


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"op": "dance", "room": "r"}',
        b'{"op": "offer", "room": "r"}',
        b'{"op": "answer", "room": "r", "transport": 7, "sdp": ""}',
        b'{"op": "offer", "room": "r", "transport": "t", "seat": "s", "userId": "u", "sdp": "", "tracks": {"0": "x"}}',
    ],
)
def test_anything_else_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        commands.decode(data)
