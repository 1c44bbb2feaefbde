"""What strangers can do to the media port: ask for their address, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from pathlib import Path

import pytest

from tertulia.sfu import _sfu
from tests.integration.sfu.desk import SECONDS, Client, desk
from tests.waiting import until

MAGIC = 0x2112A442


def binding_request(transaction: bytes = b"tertuliatest") -> bytes:
    """RFC 8489, section 5: a Binding request without attributes."""
    return struct.pack("!HHI12s", 0x0001, 0, MAGIC, transaction)


def mapped_address(answer: bytes) -> tuple[str, int]:
    """RFC 8489, section 14.2, of a Binding success response."""
    kind, length, magic = struct.unpack_from("!HHI", answer)
    assert (kind, length + 20, magic) == (0x0101, len(answer), MAGIC)
    at = 20
    while at < len(answer):
        attribute, size = struct.unpack_from("!HH", answer, at)
        if attribute == 0x0020:
            _, family, port, address = struct.unpack_from("!BBHI", answer, at + 4)
            assert family == 1
            return socket.inet_ntoa(struct.pack("!I", address ^ MAGIC)), port ^ (MAGIC >> 16)
        at += 4 + (size + 3) // 4 * 4
    raise AssertionError("no XOR-MAPPED-ADDRESS")


class Probe(asyncio.DatagramProtocol):
    """A UDP socket with its answers in a queue."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.answers.put_nowait(data)


async def probe(port: int) -> tuple[asyncio.DatagramTransport, Probe]:
    loop = asyncio.get_running_loop()
    return await loop.create_datagram_endpoint(Probe, remote_addr=("127.0.0.1", port))


async def assert_stun_answers(port: int) -> None:
    transport, protocol = await probe(port)
    try:
        transport.sendto(binding_request())
        answer = await asyncio.wait_for(protocol.answers.get(), SECONDS)
        assert answer[8:20] == b"tertuliatest"
        assert mapped_address(answer) == transport.get_extra_info("sockname")
    finally:
        transport.close()


def garbage(seed: int) -> list[bytes]:
    """Nothing, noise, and STUN, DTLS, RTP and RTCP cut short or with lengths that lie."""
    rng = random.Random(seed)
    stun = binding_request() + struct.pack("!HH", 0x0006, 8) + b"ufrag:no"
    dtls = bytes([22, 254, 253]) + bytes(8) + struct.pack("!H", 400) + bytes([1, 0, 1, 0]) + rng.randbytes(200)
    rtp = struct.pack("!BBHII", 0x90, 96, 1, 2, 3) + struct.pack("!HH", 0xBEDE, 9000) + rng.randbytes(30)
    rtcp = struct.pack("!BBHI", 0x81, 200, 60_000, 7)
    whole = [stun, dtls, rtp, rtcp]
    cut = [packet[:n] for packet in whole for n in (1, 3, 8, 11, 12, 19, len(packet) - 1)]
    noise = [bytes([first]) + rng.randbytes(rng.randrange(1, 1400)) for first in range(0, 256, 3)]
    return [b"", *whole, *cut, *noise, bytes(2_500), rng.randbytes(60_000)]


async def test_stun_is_answered_on_the_media_port() -> None:
    async with desk() as d:
        await assert_stun_answers(d.engine.port)
        await d.counted(lambda s: s["stun_answered"] == 1)


@pytest.mark.parametrize("seed", [1, 2])
async def test_garbage_by_udp_is_counted_and_harms_nobody(seed: int) -> None:
    async with desk() as d:
        port = d.engine.port
        transport, _ = await probe(port)
        packets = garbage(seed)
        for packet in packets:
            transport.sendto(packet)
        sent = sum(1 for packet in packets if packet)
        stats = await d.counted(lambda s: s["packets_in"] >= sent)
        assert stats["packets_unknown"] >= sent - 2  # a STUN request without credentials is answered, or refused
        assert (stats["faults"], stats["restarts"], stats["peers"]) == (0, 0, 0)
        await assert_stun_answers(port)
        transport.close()


async def test_garbage_from_a_peers_own_address_ends_at_most_that_peer() -> None:
    """The worst place for it: behind a source address that the demultiplexer knows."""
    async with desk() as d:
        bystander, victim = Client(d, "r"), Client(d, "r")
        for client in (bystander, victim):
            await client.publish()
            await client.offer()
        await asyncio.gather(bystander.connected(), victim.connected())
        before = d.engine.stats()["packets_in"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
            for packet in garbage(3):
                raw.sendto(packet, ("127.0.0.1", d.engine.port))
        await d.counted(lambda s: s["packets_in"] > before + 100)
        third = Client(d, "r")
        await third.offer()
        await third.connected()
        await third.decodes(2)
        assert d.engine.stats()["restarts"] == 0


async def test_tcp_speaks_rfc_4571_and_closes_who_does_not() -> None:
    async with desk() as d:
        port = d.engine.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        request = binding_request()
        frame = struct.pack("!H", len(request)) + request
        for part in (frame[:1], frame[1:7], frame[7:]):
            writer.write(part)
            await writer.drain()
        length = struct.unpack("!H", await asyncio.wait_for(reader.readexactly(2), SECONDS))[0]
        answer = await asyncio.wait_for(reader.readexactly(length), SECONDS)
        assert mapped_address(answer) == writer.get_extra_info("sockname")[:2]

        for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff" + bytes(100)):
            other_reader, other = await asyncio.open_connection("127.0.0.1", port)
            other.write(noise)
            assert await asyncio.wait_for(other_reader.read(), SECONDS) == b""
            other.close()
        stats = await d.counted(lambda s: s["tcp_malformed"] == 2)
        assert stats["tcp_accepted"] == 3
        writer.close()
        await d.counted(lambda s: s["tcp_open"] == 0)


async def test_a_stranger_on_tcp_is_closed_at_the_deadline() -> None:
    async with desk() as d:
        reader, writer = await asyncio.open_connection("127.0.0.1", d.engine.port)
        assert await asyncio.wait_for(reader.read(), 15) == b""
        writer.close()
        await d.counted(lambda s: s["tcp_timed_out"] == 1)


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def media_threads_are(*wanted: str) -> None:
    """Wait for it: a thread names itself once it runs, and leaves /proc a moment after it was joined."""
    await until(lambda: sorted(media_threads()) == sorted(wanted))


def media_threads() -> list[str]:
    names = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it may end meanwhile
            names.append((task / "comm").read_text().strip())
    return [name for name in names if name.startswith("sfu-")]


async def test_stop_ends_the_threads_and_frees_everything() -> None:
    before = descriptors()
    async with desk() as d:
        port = d.engine.port
        await media_threads_are("sfu-reader", f"sfu-{port}")
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        await d.counted(lambda s: s["tcp_open"] == 1)
        d.engine.stop()
        d.engine.stop()
        await media_threads_are()
        with pytest.raises(_sfu.Stopped):
            d.engine.close("transport")
        writer.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", port))
    del d, writer
    await asyncio.sleep(0)
    assert descriptors() <= before


async def test_a_stopped_engine_tells_that_its_peers_are_closed() -> None:
    async with desk() as d:
        client = Client(d, "r")
        await client.publish()
        await client.offer()
        await client.connected()
        await asyncio.to_thread(d.engine.stop)
        await d.until(lambda: client.transport in [e.transport for e in d.closed()])
