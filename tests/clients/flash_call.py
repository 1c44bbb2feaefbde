"""A client on libwebrtc that sends known content: at each full second of its clock a flash and a beep."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import webrtc

from tests.clients.signaling import Member
from tests.clients.video_file import SAMPLE_RATE
from tests.clients.wrtc_call import AUDIO_CHUNK, WrtcCall

FPS: Final = 30
WIDTH, HEIGHT = 320, 180
LENGTH: Final = 0.1
"""Seconds of a flash and of a beep."""
PITCH: Final = 1000.0
_DARK, _LIGHT = 40, 235


class FlashCall(WrtcCall):
    """A quiet one sends a dark picture and silence."""

    def __init__(self, member: Member, target: str, *, is_quiet: bool = False) -> None:
        super().__init__(member, Path())  # what it plays is made here
        self._target = target
        self._is_quiet = is_quiet
        self._began: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        self.listen()
        await self.publish()
        await self._member.call("UpdateState", isMuted=False, isVideoOn=True)
        self._began.set_result(asyncio.get_running_loop().time() + 0.2)

    async def _play_video(self) -> None:
        writer = self._picture.writable.get_writer()
        began, clock = await self._began, asyncio.get_running_loop().time
        for number in range(10**9):
            await asyncio.sleep(max(0.0, began + number / FPS - clock()))
            is_light = number % FPS < LENGTH * FPS and not self._is_quiet
            data = bytes([_LIGHT if is_light else _DARK]) * (WIDTH * HEIGHT) + bytes([128]) * (WIDTH * HEIGHT // 2)
            init = webrtc.VideoFrameBufferInit(
                format="I420", coded_width=WIDTH, coded_height=HEIGHT, timestamp=number * 1_000_000 // FPS
            )
            await writer.write(webrtc.VideoFrame(data, init))

    async def _play_audio(self) -> None:
        writer = self._sound.writable.get_writer()
        began, clock = await self._began, asyncio.get_running_loop().time
        per_second = SAMPLE_RATE // AUDIO_CHUNK
        beep = _beep()
        for number in range(10**9):
            await asyncio.sleep(max(0.0, began + number / per_second - clock()))
            is_loud = number % per_second < LENGTH * per_second and not self._is_quiet
            init = webrtc.AudioDataInit(
                format="s16",
                sample_rate=SAMPLE_RATE,
                number_of_frames=AUDIO_CHUNK,
                number_of_channels=1,
                timestamp=number * 1_000_000 // per_second,
                data=beep if is_loud else bytes(2 * AUDIO_CHUNK),
            )
            await writer.write(webrtc.AudioData(init))


def _beep() -> bytes:
    """10 ms of a tone: whole periods."""
    tone = (round(20_000 * math.sin(2 * math.pi * PITCH * i / SAMPLE_RATE)) for i in range(AUDIO_CHUNK))
    return array("h", tone).tobytes()


@asynccontextmanager
async def flashing(member: Member, target: str | None = None, *, is_quiet: bool = False) -> AsyncIterator[FlashCall]:
    """A call of ``member`` with its transport ``target``; the first it was told of unless given."""
    target = target or (await member.event("SfuEndpoint"))["transportId"]
    call = FlashCall(member, target, is_quiet=is_quiet)
    try:
        await call.start()
        yield call
    finally:
        await call.stop()
