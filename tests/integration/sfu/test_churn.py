"""People who come and go, a thousand times in one room."""

from __future__ import annotations

from pathlib import Path

from tertulia.sfu import _sfu
from tests.integration.sfu.desk import Client, Desk, desk
from tests.waiting import until

TIMES = 1_000


def answers_and_ends(d: Desk, transport: str) -> tuple[bool, bool]:
    mine = [e for e in d.events if getattr(e, "transport", None) == transport]
    return any(isinstance(e, _sfu.Answer) for e in mine), any(isinstance(e, _sfu.TransportState) for e in mine)


async def come_and_go(d: Desk, number: int, sdp: str) -> None:
    """One who publishes, and leaves as soon as the room has heard of it."""
    transport = f"sfu_{number}"
    d.engine.offer("r", transport, f"user-{number}", "seat", sdp)
    await d.until(lambda: answers_and_ends(d, transport)[0])
    d.engine.close(transport)
    await d.until(lambda: answers_and_ends(d, transport)[1])
    d.events.clear()


async def settled(client: Client, user_id: str) -> str:
    """The SFU's last offer to ``client``, once it has ``user_id`` in it and is answered."""
    await until(lambda: user_id in client.remote_sdp and client.pc.signaling_state == "stable")
    return client.remote_sdp


def lines(sdp: str) -> int:
    return sdp.count("\r\nm=")


async def test_a_thousand_joins_and_leaves_leave_nothing_behind() -> None:
    async with desk() as d:
        stays = Client(d, "r")
        await stays.publish()
        await stays.offer()
        await stays.connected()
        offer = stays.local_sdp

        first = Client(d, "r")
        await first.publish()
        await first.offer()
        with_one = lines(await settled(stays, first.user_id))
        await stays.decodes(1)
        await first.close()
        descriptors = len(list(Path("/proc/self/fd").iterdir()))

        for number in range(TIMES):
            await come_and_go(d, number, offer)

        last = Client(d, "r")
        await last.publish()
        await last.offer()
        assert lines(await settled(stays, last.user_id)) == with_one
        await stays.decodes_more(5)
        await last.decodes(1)
        await last.close()
        stats = await d.counted(lambda s: s["peers"] == 1)
        assert (stats["rooms"], stats["tracks"], stats["faults"]) == (1, 2, 0)
        # libwebrtc, in this process too, closes a few of its own later.
        assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors + 10


async def test_real_clients_one_after_the_other() -> None:
    async with desk() as d:
        stays = Client(d, "r")
        await stays.publish()
        await stays.offer()
        await stays.connected()
        sizes = []
        for _ in range(20):
            comes = Client(d, "r")
            await comes.publish()
            await comes.offer()
            await comes.connected()
            await comes.decodes(1)
            sizes.append(lines(await settled(stays, comes.user_id)))
            await comes.close()
        assert sizes == [sizes[0]] * 20
        stats = await d.counted(lambda s: s["peers"] == 1)
        assert stats["faults"] == 0


async def test_the_last_to_leave_ends_the_room() -> None:
    async with desk() as d:
        client = Client(d, "r")
        await client.publish()
        await client.offer()
        await client.connected()
        d.engine.end("r")
        await d.until(lambda: d.closed() != [])
        assert [(e.user_id, e.reason) for e in d.closed()] == [(client.user_id, "command")]
        await d.counted(lambda s: s["rooms"] == 0 and s["peers"] == 0)
