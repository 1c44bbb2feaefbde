"""Calling a provider that is slow, talkative, or no web server at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tertulia.oidc import provider
from tertulia.oidc.provider import MAX_BODY, Providers
from tertulia.oidc.steps import Get, Post, Reply, Request, SignInFailed, Steps

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def once(request: Request) -> Steps[Reply]:
    return (yield request)


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """A server that reads one request, and then does as it is told."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        await answer(head + await reader.readexactly(length), writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def ask(url: str, request: Request | None = None) -> Reply:
    providers = Providers()
    return await providers.run(providers.issuer(url), once(request or Get(f"{url}/doc?a=b")))


def saying(answer: bytes, heard: list[bytes] | None = None) -> Answer:
    async def say(request: bytes, writer: asyncio.StreamWriter) -> None:
        if heard is not None:
            heard.append(request)
        writer.write(answer)

    return say


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_an_answer_is_read_however_it_ends(answer: bytes) -> None:
    async with serving(saying(answer)) as url:
        assert await ask(url) == Reply(200, b"{}")


async def test_a_redirect_is_not_followed() -> None:
    async with serving(
        saying(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    ) as url:
        assert (await ask(url)).status == 302


async def test_what_is_asked() -> None:
    heard: list[bytes] = []
    async with serving(saying(b"HTTP/1.1 204 No Content\r\n\r\n", heard)) as url:
        await ask(url, Get(f"{url}/me?x=1", bearer="access"))
        await ask(url, Post(f"{url}/token", {"code": "a b&c"}, basic=("id", "se%20cret")))
    get, post = (text.decode() for text in heard)
    assert get.startswith("GET /me?x=1 HTTP/1.1\r\n")
    assert "authorization: bearer access\r\n" in get.lower()
    assert post.startswith("POST /token HTTP/1.1\r\n")
    assert "Basic aWQ6c2UlMjBjcmV0\r\n" in post
    assert post.endswith("\r\n\r\ncode=a+b%26c")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "unreachable"),
        (b"SSH-2.0-OpenSSH\r\n", "unreachable"),
        (b"", "unreachable"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "unreachable"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * (MAX_BODY + 1), "broken"),
    ],
)
async def test_what_is_no_answer_is_said(answer: bytes, reason: str) -> None:
    async with serving(saying(answer)) as url:
        with pytest.raises(SignInFailed) as failed:
            await ask(url)
    assert failed.value.reason == reason


async def test_nobody_there_is_said() -> None:
    async with serving(saying(b"")) as url:
        pass
    with pytest.raises(SignInFailed, match="cannot be reached"):
        await ask(url)


async def test_a_provider_that_hangs_is_given_up_and_keeps_up_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "REPLY_SECONDS", 0.2)
    ended = asyncio.Event()

    async def hang(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await ended.wait()

    async with serving(hang) as slow, serving(saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as quick:
        providers = Providers()
        waiting = [
            asyncio.create_task(providers.run(providers.issuer(slow), once(Get(slow))))
            for _ in range(provider.AT_ONCE + 1)
        ]
        await asyncio.sleep(0)
        assert (await providers.run(providers.issuer(quick), once(Get(quick)))).status == 204
        for failed in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(failed, SignInFailed)
            assert failed.reason == "unreachable"
        ended.set()


async def test_what_everybody_wants_to_read_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "REPLY_SECONDS", 3.0)
    heard: list[bytes] = []
    ended = asyncio.Event()

    async def hang(request: bytes, _writer: asyncio.StreamWriter) -> None:
        heard.append(request)
        await ended.wait()

    async with serving(hang) as url:
        providers = Providers()
        same = [
            asyncio.create_task(providers.run(providers.issuer(url), once(Get(f"{url}/keys"))))
            for _ in range(provider.AT_ONCE - 1)
        ]
        await asyncio.sleep(0.1)
        same[0].cancel()  # the others get the answer all the same
        own = providers.run(providers.issuer(url), once(Get(f"{url}/me", bearer="access")))
        gone, *failed = await asyncio.gather(*same, own, return_exceptions=True)
        ended.set()
    assert isinstance(gone, asyncio.CancelledError)
    assert all(isinstance(one, SignInFailed) and "does not answer" in str(one) for one in failed)
    assert sorted(request.split()[1] for request in heard) == [b"/keys", b"/me"]


async def test_what_fails_is_told_to_the_procedure() -> None:
    told: list[str] = []

    def steps(url: str) -> Steps[str]:
        try:
            yield Get(url)
        except SignInFailed as e:
            told.append(e.reason)
            raise
        return "never"

    async with serving(saying(b"")) as url:
        providers = Providers()
        with pytest.raises(SignInFailed):
            await providers.run(providers.issuer(url), steps(url))
    assert told == ["unreachable"]
