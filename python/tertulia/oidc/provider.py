"""Drives what the core asks for over HTTPS: bounded in time, in size, and in how much there is at once."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

import httpx

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
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "tertulia"}


class Providers:
    """All providers, each with what is known of it."""

    def __init__(self) -> None:
        self._issuers: dict[str, Issuer] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._http: httpx.AsyncClient | None = None

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
                    reply = await self._try(request)
                    request = steps.throw(reply) if isinstance(reply, SignInFailed) else steps.send(reply)
        except StopIteration as done:
            found: T = done.value
            return found
        except TimeoutError:
            raise SignInFailed("unreachable", f"the provider takes longer than {SECONDS:.0f} s") from None
        finally:
            steps.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.aclose()

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
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as e:
            raise SignInFailed(
                "unreachable", f"{request.url} cannot be reached: {str(e) or type(e).__name__}"
            ) from None

    async def _fetch(self, request: Request) -> Reply:
        if self._http is None:
            self._http = httpx.AsyncClient(verify=_trusted(), timeout=REPLY_SECONDS, headers=_HEADERS)
        if isinstance(request, Get):
            headers = {"Authorization": f"Bearer {request.bearer}"} if request.bearer else {}
            asked = self._http.stream("GET", request.url, headers=headers)
        else:
            basic = httpx.BasicAuth(*request.basic) if request.basic else None
            asked = self._http.stream("POST", request.url, data=dict(request.form), auth=basic)
        async with asked as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_BODY:
                    raise SignInFailed("broken", f"{request.url} answers with more than {MAX_BODY} bytes")
            return Reply(response.status_code, bytes(body))


def _trusted() -> ssl.SSLContext:
    """Trust in public authorities, and in those of this system: providers of one's own often have one of these."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context
