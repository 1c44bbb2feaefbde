"""Attacks by anyone."""

from __future__ import annotations

import os

from bench.hostile.wire import (
    BUSY,
    LORIS,
    UPGRADE,
    Site,
    again_and_again,
    busy_with,
    call_frame,
    connected,
    frame,
    hang_up,
    linger,
    post,
    until,
    upgraded,
)


async def slow_loris(site: Site) -> None:
    """Connections that send a byte of their heads a second."""

    async def one() -> None:
        reader, writer = await connected(site)
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"x" * 1000:
            writer.write(bytes([byte]))
            await linger(site, reader, writer)

    await busy_with(LORIS, one)


async def large_heads(site: Site) -> None:
    """Heads of 64 KiB and more."""
    fields = b"".join(b"X-%d: %b\r\n" % (n, b"x" * 900) for n in range(80))
    await again_and_again(site, b"GET / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")


async def connections(site: Site) -> None:
    """Connections that are opened and closed."""
    await again_and_again(site, b"")


async def readiness(site: Site) -> None:
    """/readyz, as fast as it answers."""
    await again_and_again(site, b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", is_kept=True)


async def figures(site: Site) -> None:
    """/metrics, as fast as it answers."""
    await again_and_again(site, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", is_kept=True)


async def slow_posts(site: Site) -> None:
    """POSTs for SignalR's long polling whose bodies come a byte a second."""
    begin = b"POST /hub%b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n"

    async def one() -> None:
        reader, writer = await connected(site, begin % (b"/negotiate?negotiateVersion=1", 0, b"Connection: close\r\n"))
        await until(reader, b'"connectionToken":"')
        token = (await until(reader, b'"'))[:-1]
        hang_up(writer)
        reader, writer = await connected(site, begin % (b"?id=" + token, 1000, b""))
        for _ in range(1000):
            writer.write(b" ")
            await linger(site, reader, writer)

    await busy_with(LORIS, one)


async def pages(site: Site) -> None:
    """Requests for a page."""
    await again_and_again(site, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", is_kept=True)


async def wrong_credentials(site: Site) -> None:
    """Requests with API keys that do not exist, and bodies of 64 KiB."""
    await again_and_again(site, post("/v1/rooms", b"x" * 65_000, "tk_wrong"), is_kept=True)


async def upgrades_to_h2c(site: Site) -> None:
    """Requests that offer an upgrade to what the server does not speak."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    await again_and_again(site, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + offer + b"\r\n", is_kept=True)


async def long_paths(site: Site) -> None:
    """Requests for paths of 24 kB, most of it escapes."""
    await again_and_again(site, b"GET /r/" + b"%41" * 8_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", is_kept=True)


async def garbage(site: Site) -> None:
    """What is not HTTP."""
    await again_and_again(site, os.urandom(4096))


async def websockets(site: Site) -> None:
    """WebSockets that are opened and closed."""

    async def one() -> None:
        _, writer = await upgraded(site)
        site.hits += 1
        hang_up(writer)

    await busy_with(BUSY, one)


async def silent_websockets(site: Site) -> None:
    """WebSockets that are opened and do not join."""

    async def one() -> None:
        reader, writer = await upgraded(site)
        site.hits += 1
        await reader.read()
        hang_up(writer)

    await busy_with(LORIS, one)


async def cookies(site: Site) -> None:
    """Requests with a cookie of backslashes, in quotes."""
    cookie = b'Cookie: tertulia="' + b"\\" * 15_000 + b'"\r\n'
    await again_and_again(site, b"GET /v1/rooms HTTP/1.1\r\nHost: x\r\n" + cookie + b"\r\n", is_kept=True)


async def guessed_codes(site: Site) -> None:
    """Codes of invites and their passwords, always wrong."""
    body = b'{"password":"' + b"x" * 90 + b'"}'
    await again_and_again(site, post("/v1/invites/open", body, "abcd-efgh-jkmn"), is_kept=True)


async def unfinished_frames(site: Site) -> None:
    """WebSockets that guess a token, and send most of a large frame behind it."""
    guess = call_frame("JoinRoom", {"roomId": site.room, "token": "e30.e30.x"}) + frame(b" " * 250_000)[:-1]

    async def one() -> None:
        reader, writer = await upgraded(site)
        writer.write(guess)
        if await reader.read(65_536):
            site.hits += 1
        await reader.read()
        hang_up(writer)

    await busy_with(LORIS, one)


async def slow_signalr(site: Site) -> None:
    """WebSockets that send the handshake of SignalR an octet a frame, and never its end."""

    async def one() -> None:
        reader, writer = await upgraded(site, UPGRADE.replace(b"/ws", b"/hub"))
        for octet in b'{"protocol":"json","version":' + b"1" * 1_000:
            writer.write(frame(bytes([octet])))
            await linger(site, reader, writer)

    await busy_with(LORIS, one)


async def guessed_tokens(site: Site) -> None:
    """New connections that each guess twenty tokens at once."""
    guesses = call_frame("JoinRoom", {"roomId": site.room, "token": "e30.e30.x"}) * 20

    async def one() -> None:
        reader, writer = await upgraded(site)
        writer.write(guesses)
        if await reader.read(65_536):
            site.hits += 1
        hang_up(writer)

    await busy_with(BUSY, one)
