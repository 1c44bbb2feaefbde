"""Drives what the core asks for over HTTPS: bounded in time, in size, and in how much there is at once."""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Final
from urllib.parse import urlencode, urlsplit

import h11

from tertulia.oidc.issuer import Issuer
from tertulia.oidc.steps import Get, Reply, Request, SignInFailed, Steps, T

SECONDS: Final = 15.0
"""For all requests of one procedure together."""
REPLY_SECONDS: Final = 6.0
"""For one request."""
MAX_BODY: Final = 512 * 1024
"""Bytes of a reply."""
AT_ONCE: Final = 4
"""Procedures under way with one provider; more wait, so that one that hangs keeps up nobody else's."""
MOST_ISSUERS: Final = 256
"""Of which something is remembered."""
_READ: Final = 64 * 1024
"""Bytes read at once."""
_MAX_HEAD: Final = 32 * 1024
"""Bytes of the head of a reply."""


class Providers:
    """All providers, each with what is known of it."""

    def __init__(self) -> None:
        self._issuers: dict[str, Issuer] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._reading: dict[str, asyncio.Task[Reply | SignInFailed]] = {}
        """What is being read without a credential, by its address: once for all who want it."""
        self._tls: ssl.SSLContext | None = None

    def issuer(self, url: str) -> Issuer:
        """A provider, by its issuer identifier."""
        if url not in self._issuers and len(self._issuers) >= MOST_ISSUERS:
            self._issuers.clear()
            self._turns.clear()
        return self._issuers.setdefault(url, Issuer(url))

    async def run(self, issuer: Issuer, steps: Steps[T]) -> T:
        """Carry out a procedure with a provider.

        Raises:
            SignInFailed
        """
        try:
            async with asyncio.timeout(SECONDS), self._turns.setdefault(issuer.url, asyncio.Semaphore(AT_ONCE)):
                request = next(steps)
                while True:
                    reply = await self._answer(request)
                    request = steps.throw(reply) if isinstance(reply, SignInFailed) else steps.send(reply)
        except StopIteration as done:
            found: T = done.value
            return found
        except TimeoutError:
            raise SignInFailed("unreachable", f"the provider takes longer than {SECONDS:.0f} s") from None
        finally:
            steps.close()

    async def _answer(self, request: Request) -> Reply | SignInFailed:
        if not isinstance(request, Get) or request.bearer is not None:
            return await self._try(request)
        reading = self._reading.get(request.url)
        if reading is None:
            reading = self._reading[request.url] = asyncio.create_task(self._try(request))
            reading.add_done_callback(lambda _: self._reading.pop(request.url))
        return await asyncio.shield(reading)  # whoever goes away must not take it from the others

    async def _try(self, request: Request) -> Reply | SignInFailed:
        try:
            return await self._ask(request)
        except SignInFailed as e:
            return e

    async def _ask(self, request: Request) -> Reply:
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                return await self._fetch(request)
        except TimeoutError:
            raise SignInFailed("unreachable", f"{request.url} does not answer within {REPLY_SECONDS:.0f} s") from None
        except (OSError, ValueError, h11.ProtocolError) as e:
            # The text of others may hold what was sent.
            why = (str(e) if isinstance(e, OSError) else "") or type(e).__name__
            raise SignInFailed("unreachable", f"{request.url} cannot be reached: {why}") from None

    async def _fetch(self, request: Request) -> Reply:
        parts = urlsplit(request.url)
        is_tls = parts.scheme == "https"
        if self._tls is None and is_tls:
            self._tls = ssl.create_default_context()
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or (443 if is_tls else 80), ssl=self._tls if is_tls else None
        )
        try:
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
            writer.write(_encoded(connection, request))
            return await _reply(connection, reader, request.url)
        finally:
            writer.transport.abort()  # nothing is asked on it again


def _encoded(connection: h11.Connection, request: Request) -> bytes:
    """A request as it goes over the wire."""
    parts = urlsplit(request.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [
        ("Host", parts.netloc),
        ("Accept", "application/json"),
        ("Accept-Encoding", "identity"),
        ("User-Agent", "tertulia"),
        ("Connection", "close"),
    ]
    if isinstance(request, Get):
        body, credential = b"", f"Bearer {request.bearer}" if request.bearer else None
    else:
        body = urlencode(request.form).encode()
        credential = f"Basic {base64.b64encode(':'.join(request.basic).encode()).decode()}" if request.basic else None
        headers += [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", str(len(body)))]
    if credential is not None:
        headers.append(("Authorization", credential))
    method = "GET" if isinstance(request, Get) else "POST"
    begin = connection.send(h11.Request(method=method, target=target, headers=headers)) or b""
    content = connection.send(h11.Data(data=body)) or b"" if body else b""
    return begin + content + (connection.send(h11.EndOfMessage()) or b"")


async def _reply(connection: h11.Connection, reader: asyncio.StreamReader, url: str) -> Reply:
    status, body = 0, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                raise SignInFailed("broken", f"{url} answers with more than {MAX_BODY} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return Reply(status, bytes(body))
        elif not isinstance(event, h11.InformationalResponse):
            raise ConnectionError("the connection ended")
