"""What sockets write in one turn is sent at its end."""

from __future__ import annotations

import asyncio

from tertulia.sockets.cork import Cork, Turn


def _refuse(data: bytes) -> None:
    raise RuntimeError("Cannot call write() after write_eof()")


async def test_a_socket_that_takes_nothing_more_keeps_nothing_from_the_others() -> None:
    turn, sent = Turn(), list[bytes]()
    ending, other = Cork(turn, _refuse), Cork(turn, sent.append)
    for frame in (b"one", b"two"):
        ending.write(frame)
        other.write(frame)
        await asyncio.sleep(0)
    assert sent == [b"one", b"two"]
