"""Stacks that are not ours, in a call with each other through the SFU."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients import aiortc_call, wrtc_call
from tests.clients.signaling import joined, new_room
from tests.clients.video_file import write_video
from tests.integration.servers import Tertulia


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "test.webm")


async def test_aiortc_and_libwebrtc_see_and_hear_each_other(tertulia_dev: Tertulia, video: Path) -> None:
    room = await new_room(tertulia_dev.url)
    async with (
        joined(tertulia_dev.url, room, "aiortc") as one,
        aiortc_call.in_call(one, video) as first,
        joined(tertulia_dev.url, room, "libwebrtc") as two,
        wrtc_call.in_call(two, video) as second,
    ):
        await second.until("video", one.user, 30)
        await second.until("audio", one.user, 24_000)
        await first.until("video", two.user, 30)
        await first.until("audio", two.user, 50)
        assert two.user in first.lit


async def test_three_come_and_the_first_leaves(tertulia_dev: Tertulia, video: Path) -> None:
    room = await new_room(tertulia_dev.url)
    async with joined(tertulia_dev.url, room, "stays") as one, wrtc_call.in_call(one, video) as first:
        async with joined(tertulia_dev.url, room, "leaves") as two, wrtc_call.in_call(two, video) as second:
            await first.until("video", two.user, 10)
            await second.until("video", one.user, 10)
        await one.event("ParticipantLeft", lambda payload: payload["userId"] == two.user)
        async with joined(tertulia_dev.url, room, "comes") as three, wrtc_call.in_call(three, video) as third:
            await third.until("video", one.user, 10)
            await first.until("video", three.user, 10)


@pytest.mark.parametrize("codec", ["video/VP8", "video/VP9", "video/AV1"])
async def test_codecs_of_libwebrtc(tertulia_dev: Tertulia, video: Path, codec: str) -> None:
    room = await new_room(tertulia_dev.url)
    async with (
        joined(tertulia_dev.url, room, "sends") as one,
        wrtc_call.in_call(one, video, codec),
        joined(tertulia_dev.url, room, "receives") as two,
        wrtc_call.in_call(two, video) as receiver,
    ):
        await receiver.until("video", one.user, 15)
        assert await receiver.received_codecs(one.user) == {codec}


async def test_h264_between_two_aiortc(tertulia_dev: Tertulia, video: Path) -> None:
    room = await new_room(tertulia_dev.url)
    async with (
        joined(tertulia_dev.url, room, "sends") as one,
        aiortc_call.in_call(one, video, "video/H264"),
        joined(tertulia_dev.url, room, "receives") as two,
        aiortc_call.in_call(two, video) as receiver,
    ):
        await receiver.until("video", one.user, 15)
        assert one.user in receiver.lit
