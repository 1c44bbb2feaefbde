"""A room with ``topology: p2p``: a call that goes through a real TURN server only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.p2p_call import p2p_call
from tests.clients.signaling import joined, new_room
from tests.clients.video_file import write_video
from tests.integration import servers


@pytest.fixture
def with_turn(turn: servers.Turn, server_dir: Path) -> Iterator[servers.Tertulia]:
    settings = {"TERTULIA_TURN_URLS": turn.url, "TERTULIA_TURN_SECRET": turn.secret}
    with servers.tertulia_dev(server_dir, settings=settings) as started:
        yield started


async def test_a_relayed_call(with_turn: servers.Tertulia, tmp_path: Path) -> None:
    video = write_video(tmp_path / "test.webm")
    room = await new_room(with_turn.url, topology="p2p")
    async with (
        joined(with_turn.url, room, "caller") as one,
        joined(with_turn.url, room, "called") as two,
        p2p_call(one, video, two.user) as caller,
        p2p_call(two, video, one.user) as called,
    ):
        called.answer()
        await caller.offer()
        for call in (caller, called):
            await call.until("video", "", 30)
            await call.until("audio", "", 24_000)
            assert await call.paths() == {("relay", "relay")}
