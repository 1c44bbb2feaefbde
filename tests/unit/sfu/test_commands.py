"""The JSON of SFU commands: as docs/architecture.md has it."""

from __future__ import annotations

import json

import pytest

from tertulia.contract import WantedVideo
from tertulia.errors import Malformed
from tertulia.ids import new_uuid
from tertulia.sfu import commands

USER = new_uuid()

WIRE = [
    (
        commands.Offer(
            room="r", transport="t", seat="s", user_id=USER, sdp="v=0", slots=True, tracks={"0": "microphone"}
        ),
        {
            "op": "offer",
            "room": "r",
            "transport": "t",
            "seat": "s",
            "userId": USER,
            "sdp": "v=0",
            "slots": True,
            "tracks": {"0": "microphone"},
        },
    ),
    (
        commands.Answer(room="r", transport="t", sdp="v=0"),
        {"op": "answer", "room": "r", "transport": "t", "sdp": "v=0"},
    ),
    (
        commands.Candidate(room="r", transport="t", candidate={"candidate": "", "sdpMid": "0"}),
        {"op": "candidate", "room": "r", "transport": "t", "candidate": {"candidate": "", "sdpMid": "0"}},
    ),
    (
        commands.View(room="r", transport="t", videos=[WantedVideo(user_id=USER, source="screen", max_height=720)]),
        {
            "op": "view",
            "room": "r",
            "transport": "t",
            "videos": [{"userId": USER, "source": "screen", "maxHeight": 720}],
        },
    ),
    (
        commands.State(room="r", transport="t", is_muted=True),
        {"op": "state", "room": "r", "transport": "t", "isMuted": True},
    ),
    (commands.Close(room="r", transport="t"), {"op": "close", "room": "r", "transport": "t"}),
    (commands.End(room="r"), {"op": "end", "room": "r"}),
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
