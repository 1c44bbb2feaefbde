"""Attacks by somebody with a seat, or with a token for one."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from bench.hostile.wire import (
    BEGINNING,
    CONTINUATION,
    PING,
    Site,
    again_and_again,
    all_guests,
    as_guest,
    as_signalr_guest,
    busy_with,
    call_frame,
    discard,
    frame,
    hang_up,
    land,
    on_an_sfu,
    post,
    pump,
    seated,
)

_LISTS: Final = b"[" + (b"[" * 20 + b"]" * 20 + b",") * 6_000 + b"0]"
"""250 kB of them."""


async def deep_json(site: Site) -> None:
    """Bodies of nothing but brackets, by somebody who may call."""
    body = b'{"userId":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    await again_and_again(site, post(f"/v1/rooms/{site.room}/join", body, site.tickets[0]["token"]), is_kept=True)


async def calls(site: Site) -> None:
    """As many calls as are allowed."""
    await as_guest(site, lambda n: ("UpdateState", {"isMuted": n % 2 == 0}), each=0.01)


async def hands(site: Site) -> None:
    """A hand that goes up and down, as often as the connection takes it."""
    await as_guest(site, lambda n: ("RaiseHand", {"raised": n % 2 == 0}))


async def chat(site: Site) -> None:
    """As much chat as the connection takes."""
    await as_guest(site, lambda _n: ("SendChat", {"text": "x" * 4000}))


async def views(site: Site) -> None:
    """Views, another one each time."""
    users = [site.victim, *(ticket["userId"] for ticket in site.tickets)]

    def view(number: int) -> tuple[str, Any]:
        return "SetView", {
            "videos": [{"userId": users[(number + n) % len(users)], "source": "camera"} for n in range(5)]
        }

    await as_guest(site, view)


async def offers(site: Site) -> None:
    """Offers of 200,000 characters to the SFU."""
    lines = site.sdp + "a=x\r\n" * ((199_000 - len(site.sdp)) // 5)
    await as_guest(site, lambda _n: ("SendOffer", {"targetUserId": "sfu", "sdp": lines, "slots": True}))


async def offers_to_a_member(site: Site) -> None:
    """The same to a member of the call."""
    lines = "v=0\r\n" + "a=x\r\n" * 39_000
    await as_guest(site, lambda _n: ("SendOffer", {"targetUserId": site.victim, "sdp": lines}))


async def malformed(site: Site) -> None:
    """Frames that are no calls."""

    async def one() -> None:
        await pump(site, await seated(site, 0), frame(b"[" * 60_000))

    await busy_with(1, one)


async def slow_readers(site: Site) -> None:
    """Members who do not read, while another one makes the others hear much."""
    for number in range(1, len(site.tickets)):
        await seated(site, number, reads=False)
    await chat(site)


async def reconnects(site: Site) -> None:
    """Seats that are taken again and again, by connections that break."""

    async def one(number: int) -> None:
        writer = await seated(site, number)
        site.hits += 1
        hang_up(writer)

    await all_guests(site, one)


async def calls_over_reconnects(site: Site) -> None:
    """As many calls as a new connection may make at once, then another one that takes the seat."""

    async def one() -> None:
        writer = await seated(site, 0)
        calls = (("UpdateState", {"isMuted": n % 2 == 0}) if n % 2 else ("SendChat", {"text": "x"}) for n in range(470))
        await land(site, writer, b"".join(call_frame(event, payload) for event, payload in calls))
        await asyncio.sleep(0.02)
        hang_up(writer)

    await busy_with(1, one)


async def nested_payloads(site: Site) -> None:
    """Calls of 250 kB of lists."""
    await as_guest(site, frame(b'{"event":"KeepAlive","payload":' + _LISTS + b"}"))


async def signalr_payloads(site: Site) -> None:
    """The same in SignalR."""
    await as_signalr_guest(site, b'{"type":1,"target":"KeepAlive","arguments":[' + _LISTS + b"]}\x1e")


async def candidates(site: Site) -> None:
    """Candidates of 250 kB to a member of the call."""
    payload = {"targetUserId": site.victim, "candidate": {"candidate": "x" * 250_000}}
    await as_guest(site, lambda _n: ("SendIceCandidate", payload))


async def pings(site: Site) -> None:
    """Pings of a WebSocket, a thousand in each write."""
    await as_guest(site, frame(b"", PING) * 1_000)


async def empty_fragments(site: Site) -> None:
    """A message in fragments without content, that never ends."""
    await as_guest(site, frame(b"", CONTINUATION) * 1_000, first=frame(b"{", BEGINNING))


async def signalr_pings(site: Site) -> None:
    """Messages of SignalR that are no calls, as many as fit into a frame."""
    await as_signalr_guest(site, b'{"type":6}\x1e' * 20_000)


async def signalr_unknown(site: Site) -> None:
    """The same of a type that there is not, of a stream that there is not, and Acks of nothing."""
    some = b'{"type":99}\x1e{"type":2,"invocationId":"1","item":[[]]}\x1e{"type":8,"sequenceId":1}\x1e'
    await as_signalr_guest(site, some * 3_000)


async def media_stopped(site: Site) -> None:
    """A member who says each second that their media has stopped."""

    async def one() -> None:
        reader, writer, transport = await on_an_sfu(site, 0)
        discard(reader)
        while True:
            await land(site, writer, call_frame("MediaStopped", {"transportId": transport}))
            await asyncio.sleep(1)

    await busy_with(1, one)
