"""Media through the engine, between clients that know only docs/protocol.md."""

from __future__ import annotations

import array
import asyncio
import time
from collections.abc import Awaitable

import av
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack

from tertulia.ids import new_uuid
from tertulia.sfu import _sfu
from tests.integration.sfu.desk import SECONDS, Client, Desk, desk
from tests.integration.sfu.network import Network


async def meeting(d: Desk, size: int, *, tcp: bool = False) -> list[Client]:
    clients = [Client(d, "r") for _ in range(size)]
    for client in clients:
        client.tcp_only = tcp
        await client.publish()
        await client.offer()
    async with asyncio.timeout(SECONDS):
        await asyncio.gather(*(client.connected() for client in clients))
    return clients


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
async def test_everyone_hears_and_sees_everyone(tcp: bool) -> None:
    async with desk() as d:
        clients = await meeting(d, 3, tcp=tcp)
        for client in clients:
            await client.decodes(2)
            await client.hears(2)
            others = {other.user_id for other in clients if other is not client}
            assert set(client.streams) == others
            assert all({str(kind) for kind in kinds} == {"audio", "video"} for kinds in client.streams.values())
            assert await client.path() == ("tcp" if tcp else "udp")
        stats = d.engine.stats()
        assert (stats["peers"], stats["rooms"], stats["faults"]) == (3, 1, 0)


async def test_who_has_no_tracks_sees_the_others() -> None:
    async with desk() as d:
        speaker, watcher = Client(d, "r"), Client(d, "r")
        await speaker.publish()
        await speaker.offer()
        await watcher.offer()
        await watcher.connected()
        await watcher.decodes(1)
        await watcher.hears(1)


async def test_who_adds_tracks_later_is_seen_and_goes_on_seeing() -> None:
    """libwebrtc puts them on the m-lines on which it receives the others."""
    async with desk() as d:
        speaker, watcher = Client(d, "r"), Client(d, "r")
        await speaker.publish()
        await speaker.offer()
        await watcher.offer()
        await watcher.decodes(1)
        await watcher.publish()
        await watcher.offer()
        await speaker.decodes(1)
        await speaker.hears(1)
        await watcher.decodes_more(10)
        assert not [e for e in d.events if isinstance(e, _sfu.Refused)]


async def test_offers_that_cross_end_well() -> None:
    """libwebrtc rolls its own offer back when it is handed the SFU's."""
    async with desk() as d:
        ann, bob = Client(d, "r"), Client(d, "r")
        await ann.publish()
        await ann.offer()
        await ann.connected()
        ann.stop_reading()
        await bob.publish()
        await bob.offer()
        await d.until(lambda: any(isinstance(e, _sfu.Offer) and e.transport == ann.transport for e in d.events))
        await ann.publish(audio=False)
        await ann.pc.set_local_description(await ann.pc.create_offer())
        d.engine.offer(ann.room, ann.transport, ann.user_id, ann.seat, ann.local_sdp)
        ann.read_on()
        await asyncio.wait_for(ann.has_answered.wait(), SECONDS)
        await ann.offer()
        await ann.decodes(1)
        await bob.decodes(2)
        assert not [e for e in d.events if isinstance(e, _sfu.Refused)]


async def test_rooms_share_nothing() -> None:
    async with desk() as d:
        one = [Client(d, "one") for _ in range(2)]
        two = [Client(d, "two") for _ in range(2)]
        for client in one + two:
            await client.publish()
            await client.offer()
        for client in one + two:
            await client.connected()
            await client.decodes(1)
            assert len(client.streams) == 1
        stats = d.engine.stats()
        assert (stats["rooms"], stats["peers"]) == (2, 4)


async def test_an_ice_restart_brings_media_back_within_two_seconds_or_four_on_a_busy_machine() -> None:
    """The client's way to the SFU dies (another network, a NAT that forgot): it offers again, by another way."""
    async with desk() as d, Network() as network:
        speaker, watcher = Client(d, "r"), Client(d, "r")
        watcher.network = network
        await speaker.publish()
        await watcher.publish()
        await speaker.offer()
        await watcher.offer()
        await watcher.connected()
        await watcher.decodes(1)
        await speaker.decodes(1)

        seconds = []
        for _ in range(3):
            await network.cut()
            await watcher.silence()
            start = time.monotonic()
            await network.open()
            await watcher.offer(ice_restart=True)
            await asyncio.gather(watcher.decodes_more(10), speaker.decodes_more(10))
            seconds.append(time.monotonic() - start)
        best, median, _ = sorted(seconds)
        assert best < 2.0 and median < 4.0, seconds  # one second where the machine is not busy
        assert d.engine.stats()["peers"] == 2


async def test_a_new_connection_takes_the_place_of_its_old_one() -> None:
    async with desk() as d:
        speaker, watcher = await meeting(d, 2)
        await speaker.decodes(1)
        watcher.stop_reading()
        again = Client(d, "r")
        del d.clients[again.transport]
        again.user_id, again.transport = watcher.user_id, watcher.transport
        d.clients[again.transport] = again
        await again.publish()
        await again.offer()
        await again.connected()
        await again.decodes(1)
        await speaker.decodes_more(10)
        assert (d.closed(), d.engine.stats()["peers"]) == ([], 2)
        watcher.pc.close()


class Tone(AudioStreamTrack):
    """A saw tooth of 400 Hz: aiortc's own track is silent."""

    async def recv(self) -> av.AudioFrame:
        frame = await super().recv()
        assert isinstance(frame, av.AudioFrame)
        wave = array.array("h", (n % 20 * 1_000 for n in range(frame.samples)))
        frame.planes[0].update(wave.tobytes())
        return frame


class AioClient:
    """The same in aiortc: another implementation of everything. It has no ICE restart and no rollback."""

    def __init__(self, d: Desk, room: str) -> None:
        self.room = room
        self.user_id = new_uuid()
        self.transport = f"sfu_{self.user_id}"
        self.pc = RTCPeerConnection()
        self.desk = d
        self.inbox: asyncio.Queue[object] = asyncio.Queue()
        self.frames: dict[str, asyncio.Event] = {"audio": asyncio.Event(), "video": asyncio.Event()}
        self.tasks: set[asyncio.Task[None]] = set()
        d.clients[self.transport] = self  # type: ignore[assignment]
        self.pc.on("track", self._on_track)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._run(self._play(track))

    def _run(self, coroutine: Awaitable[None]) -> None:
        self.tasks.add(asyncio.ensure_future(coroutine))

    async def _play(self, track: MediaStreamTrack) -> None:
        for _ in range(5):
            await track.recv()
        self.frames[track.kind].set()

    async def join(self) -> None:
        self.pc.addTrack(Tone())
        self.pc.addTrack(VideoStreamTrack())
        await self.pc.setLocalDescription(await self.pc.createOffer())
        self.desk.engine.offer(self.room, self.transport, self.user_id, "seat", self.pc.localDescription.sdp)
        self._run(self._read())

    async def _read(self) -> None:
        while True:
            event = await self.inbox.get()
            if isinstance(event, _sfu.Answer):
                await self.pc.setRemoteDescription(RTCSessionDescription(event.sdp, "answer"))
            elif isinstance(event, _sfu.Offer):
                await self.pc.setRemoteDescription(RTCSessionDescription(event.sdp, "offer"))
                await self.pc.setLocalDescription(await self.pc.createAnswer())
                self.desk.engine.answer(self.transport, self.pc.localDescription.sdp)

    async def close(self) -> None:
        self.desk.clients.pop(self.transport, None)
        await self.pc.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_aiortc_and_libwebrtc_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    # aioice leaves loopback addresses out; a test machine may have no other.
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    async with desk() as d:
        chrome, aio = Client(d, "r"), AioClient(d, "r")
        await chrome.publish()
        await chrome.offer()
        await aio.join()
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(aio.frames["audio"].wait(), aio.frames["video"].wait())
        await chrome.decodes(1)
        await chrome.hears(1)
