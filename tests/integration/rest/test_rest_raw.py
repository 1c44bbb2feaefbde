"""What is no HTTP, or nearly none, over a real socket: never a 5xx, never a wait, and never more than linear time."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.rest.conftest import Rest, new_id

ROUNDS = 600
AT_ONCE = 16
PATIENCE = 20.0
"""Seconds until a connection whose client sends no more is over: many times what it takes on a busy machine."""
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
SPICES = (
    *(b"\r\n", b"\r", b"\n", b"\0", b" ", b":", b"%", b"%00", b"%ff", b"?", b"#", b"//", b"/../", b"\xff\xfe", b"\t"),
    *(b"HTTP/1.0", b"HTTP/9.9", b"CONNECT ", b"OPTIONS ", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"http://[::", b"*"),
    *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: " + b"9" * 30 + b"\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n"),
    *(b"Expect: 100-continue\r\n", b"Host: \r\n", b"Host: a b\r\n", b"Connection: close\r\n", b"Upgrade: h2c\r\n"),
    *(b"X-Forwarded-For: ,,\r\n", b"Range: bytes=9-1,-\r\n", b"Accept: \xc3\x28;q=x\r\n", b"Origin: http://[\r\n"),
    *(b"If-None-Match: W/\r\n", b"Authorization: Bearer \xff\r\n", b"Idempotency-Key: \x01\r\n", UPGRADE),
)


def seeds(rest: Rest) -> list[bytes]:
    """Requests as they should be."""
    host = b"Host: localhost\r\n"
    body = b'{"hostId": "%b"}' % new_id().encode()
    create = (
        b"POST /v1/rooms HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\n"
        b"Authorization: Bearer " + rest.key.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    return [
        b"GET / HTTP/1.1\r\n" + host + b"Accept: text/html\r\n\r\n",
        b"GET /static/view.js HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /r/%b HTTP/1.1\r\n" % new_id().encode() + host + b"\r\n",
        b"GET /v1/files/a/b?expires=1&signature=x HTTP/1.1\r\n" + host + b"Range: bytes=0-9\r\n\r\n",
        b"HEAD /readyz HTTP/1.1\r\n" + host + b"\r\n",
        b"DELETE /healthz HTTP/1.1\r\n" + host + b"\r\n",
        b"OPTIONS /v1/rooms HTTP/1.1\r\n" + host + b"Origin: http://localhost\r\n\r\n",
        b"POST /hub/negotiate?negotiateVersion=1 HTTP/1.1\r\n" + host + b"Content-Length: 0\r\n\r\n",
        b"GET /hub?id=x HTTP/1.1\r\n" + host + b"Accept: text/event-stream\r\n\r\n",
        b"GET /ws HTTP/1.1\r\n" + host + UPGRADE + b"\r\n",
        create,
        create.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked").replace(
            body, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        ),
    ]


def mutated(rng: random.Random, seed: bytes) -> bytes:
    """The request with some faults."""
    data = bytearray(seed)
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                data[at:at] = rng.choice(SPICES)
            case 1:  # behind the first line
                line = data.find(b"\r\n") + 2
                data[line:line] = rng.choice(SPICES)
            case 2:
                del data[at : at + rng.randrange(1, 20)]
            case 3:
                data[at:at] = data[at : at + rng.randrange(1, 200)]
            case 4:
                data[at:at] = rng.randbytes(rng.randrange(1, 30))
            case 5:
                data[at : at + 1] = bytes([rng.randrange(256)])
    return bytes(data) or b"\n"


async def answers(port: int, data: bytes, rng: random.Random, *, is_whole: bool = False) -> bytes:
    """What comes back until the connection ends; ``data`` goes in pieces, and then nothing more. ``is_whole``: it will
    be answered, and the client waits for that before it says that there is nothing more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while data:
                size = rng.choice((1, 7, 50, 1000, 100_000))
                piece, data = data[:size], data[size:]
                writer.write(piece)
                await asyncio.sleep(0)
            if is_whole:
                said += await reader.read(65_536)
            writer.write_eof()
            while more := await reader.read(65_536):
                said += more
    except TimeoutError:
        pytest.fail(f"no end after {PATIENCE:g} s; so far {said!r}")
    except OSError:
        pass  # it was closed
    finally:
        writer.close()
    return said


async def test_whatever_comes_there_is_an_answer_or_an_end(rest_sqlite: Rest) -> None:
    rng, kinds, before = random.Random(20261129), seeds(rest_sqlite), len(rest_sqlite.web.log())
    port = rest_sqlite.web.port
    plain = [await answers(port, kind, rng, is_whole=True) for kind in kinds]
    assert {said[9:12] for said in plain} >= {b"101", b"200", b"201", b"404", b"405"}, "more than the parser is reached"

    async def some(rng: random.Random) -> None:
        for _ in range(ROUNDS // AT_ONCE):
            data = b"".join(mutated(rng, rng.choice(kinds)) for _ in range(rng.choice((1, 1, 2))))
            said = await answers(port, data, rng)
            assert not re.search(rb"^HTTP/1\.1 5", said, re.MULTILINE), (data, said)

    await asyncio.gather(*[some(random.Random(rng.random())) for _ in range(AT_ONCE)])
    assert not re.search("Traceback|request failed|Exception in ASGI", rest_sqlite.web.log()[before:])


def cpu_seconds(pid: int) -> float:
    """Of all threads."""
    spent = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it may end meanwhile
            spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e9


GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
SHAPES: dict[str, Callable[[int], bytes]] = {
    "a long path": lambda n: b"GET /" + b"a" * n + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "escapes in the path": lambda n: b"GET /" + b"%41" * (n // 3) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "dots in the path": lambda n: b"GET /static/" + b"../" * (n // 3) + b"a HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long query": lambda n: b"GET /hub?" + b"a=&" * (n // 3) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "one header": lambda n: GET + b"X: " + b"a" * n + b"\r\n\r\n",
    "many headers": lambda n: GET + b"X: a\r\n" * (n // 6) + b"\r\n",
    "tags": lambda n: GET + b"If-None-Match: " + b"W/," * (n // 3) + b"\r\n\r\n",
    "accepted types": lambda n: GET + b"Accept: " + b"a/b;q=0," * (n // 8) + b"\r\n\r\n",
    "upgrades": lambda n: GET + b"Connection: " + b"upgrade," * (n // 8) + b"\r\nUpgrade: h2c\r\n\r\n",
    "chunks": lambda n: (
        b"POST /hub/negotiate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1\r\na\r\n" * (n // 6)
        + b"0\r\n\r\n"
    ),
    "requests in a row": lambda n: b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * (n // 36 + 1),
    "garbage": lambda n: b"\x16\x03" * (n // 2),
    "line breaks": lambda n: b"\r\n" * (n // 2) + GET + b"\r\n",
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_time_is_linear(rest_sqlite: Rest, shape: str) -> None:
    """CPU time of the server, so that other work on the machine does not count."""
    (pid,), rng = rest_sqlite.web.workers, random.Random(1)

    async def cost(size: int, times: int) -> float:
        began = cpu_seconds(pid)
        for _ in range(times):
            await answers(rest_sqlite.web.port, SHAPES[shape](size), rng)
        return (cpu_seconds(pid) - began) / times

    small, large = 3_000, 48_000
    for _ in range(3):
        # Half of the small one's time is what a request of any size costs, so this is some four times linear.
        if await cost(large, 3) <= 0.005 + 4 * (large / small) * await cost(small, 5):
            return
    pytest.fail(f"{shape}: {large} bytes take more than {4 * large / small:g} times what {small} bytes take")
