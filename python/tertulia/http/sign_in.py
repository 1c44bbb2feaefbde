"""Signing in by OpenID Connect: off to the tenant's provider, and back with a cookie.

Whatever goes wrong leads back to the page of meetings, which says in words what happened; the log has the cause.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlencode

import msgspec
import structlog
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from tertulia.db.models import SignInSetting
from tertulia.db.sign_ins import LIFETIME, Browser, Identity
from tertulia.errors import Unavailable
from tertulia.http.site import page_route
from tertulia.ids import TenantId
from tertulia.limits import FAILED_COST, SharedLimit
from tertulia.master_key import MasterKey, WrongMasterKey
from tertulia.oidc import flow
from tertulia.oidc.flow import FLOW_SECONDS, Client, Flow
from tertulia.oidc.person import Person, Terms, domain_of, person_of
from tertulia.oidc.steps import SignInFailed
from tertulia.rest.addresses import base_of
from tertulia.rest.cookies import cookie_of, set_cookie
from tertulia.rest.services import Services
from tertulia.senders import site_of

START: Final = "/sign-in"
CALLBACK: Final = "/sign-in/callback"
OFFER: Final = "/sign-in/offer"
_HOME: Final = "/meetings"
_FLOW_COOKIE: Final = "tertulia-flow"
_PURPOSE: Final = b"tertulia sign-in"
_SEALED_FOR: Final = "a sign-in that was begun"
_NEVER_KEPT: Final = {"Cache-Control": "no-store"}
_MAX_COOKIE: Final = 4096
_MAX_NAME: Final = 100
"""Characters of a tenant's name."""

_log = structlog.get_logger(__name__)


class _Begun(Struct, frozen=True):
    """What the browser keeps until it comes back, sealed."""

    tenant_id: TenantId
    issuer: str
    client_id: str
    flow: Flow


class Offered(Struct, rename="camel", frozen=True):
    """How people may sign in here."""

    is_offered: bool
    asks_for_organisation: bool
    """Several tenants have their users sign in: which one is theirs?"""
    is_signed_in: bool


class SignInSite:
    """The three addresses. ``by_address`` limits requests as those of the API."""

    def __init__(self, services: Services, by_address: SharedLimit) -> None:
        self._services = services
        self._by_address = by_address
        self._public_url = services.config.public_url

    def routes(self) -> list[BaseRoute]:
        """The routes."""
        return [
            page_route(START, self._counted(self.start)),
            page_route(CALLBACK, self._counted(self.callback)),
            page_route(OFFER, self._counted(self.offer)),
        ]

    async def offer(self, request: Request) -> Response:
        """Say whether there is a way to sign in, and whether this browser has gone it."""
        services = self._services
        tenants = (await services.sign_in_settings.offer()).tenants
        secret = cookie_of(request, self._public_url) if tenants else None
        is_signed_in = secret is not None and await services.sign_ins.find(secret, services.now()) is not None
        offered = Offered(tenants > 0, tenants > 1, is_signed_in)
        return Response(msgspec.json.encode(offered), 200, _NEVER_KEPT, "application/json")

    async def start(self, request: Request) -> Response:
        """Send a person to the provider of their tenant: of ``?organisation=NAME``, or of the only one there is."""
        try:
            return await self._start(request)
        except (SignInFailed, Unavailable) as e:
            return self._failed(e)

    async def callback(self, request: Request) -> Response:
        """Take a person back from the provider."""
        try:
            response = await self._finish(request)
        except (SignInFailed, Unavailable) as e:
            await self._by_address.charge(_site(request), time.monotonic(), FAILED_COST)
            response = self._failed(e)
        set_cookie(response, request, self._public_url, "", 0, _FLOW_COOKIE)
        return response

    async def _start(self, request: Request) -> Response:
        name = request.query_params.get("organisation")
        if name is not None and not 1 <= len(name) <= _MAX_NAME:
            raise SignInFailed("unknown", "the name of the organisation is empty or too long")
        if name is not None and "\0" in name:
            raise SignInFailed("unknown", "no organisation has such a name")
        setting = await self._services.sign_in_settings.find(name)
        if setting is None:
            raise SignInFailed("unknown", "no organisation of this name signs in here, or several do and none is named")
        begun = flow.begin(base_of(request, self._public_url).url + CALLBACK, self._services.clock.now())
        providers = self._services.providers
        issuer = providers.issuer(setting.issuer)
        url = await providers.run(issuer, flow.authorize(client_of(setting), issuer, begun, time.monotonic()))
        response = RedirectResponse(url, 303, _NEVER_KEPT)
        kept = self._seal(_Begun(setting.tenant_id, setting.issuer, setting.client_id, begun))
        set_cookie(response, request, self._public_url, kept, FLOW_SECONDS, _FLOW_COOKIE)
        return response

    async def _finish(self, request: Request) -> Response:
        services, providers = self._services, self._services.providers
        begun = self._open(cookie_of(request, self._public_url, _FLOW_COOKIE))
        setting = await services.sign_in_settings.of_tenant(begun.tenant_id)
        if setting is None or (setting.issuer, setting.client_id) != (begun.issuer, begun.client_id):
            raise SignInFailed("expired", "the way to sign in was changed meanwhile")
        issuer, query = providers.issuer(setting.issuer), request.scope["query_string"]
        steps = flow.complete(client_of(setting), issuer, begun.flow, query, services.clock.now(), time.monotonic())
        claims = await providers.run(issuer, steps)
        person = person_of(claims, Terms(setting.domains, setting.administrators))
        secret = await self._sign_in(request, setting, person)
        response = RedirectResponse(_HOME, 303, _NEVER_KEPT)
        set_cookie(response, request, self._public_url, secret, int(LIFETIME.total_seconds()))
        return response

    async def _sign_in(self, request: Request, setting: SignInSetting, person: Person) -> str:
        new = await self._services.sign_ins.begin(
            setting.tenant_id,
            Identity(setting.issuer, person.subject, person.email, person.name),
            self._services.now(),
            Browser(request.client.host if request.client else None, request.state.request_id),
            is_administrator=person.is_administrator,
            links=person.email is not None and domain_of(person.email) in setting.domains,
        )
        request.state.caller = f"user {new.sign_in.user.id}"
        return new.secret

    def _failed(self, error: SignInFailed | Unavailable) -> Response:
        """Back to the page, with what it is to say."""
        is_ours = isinstance(error, Unavailable)
        reason = "unavailable" if isinstance(error, Unavailable) else error.reason
        log = _log.warning if is_ours or reason in ("unreachable", "broken") else _log.info
        log("a sign-in failed", reason=reason, error=str(error))
        return RedirectResponse(f"{_HOME}?{urlencode({'sign-in': reason})}", 303, _NEVER_KEPT)

    def _counted(self, serve: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def counted(request: Request) -> Response:
            await self._by_address.take(_site(request), time.monotonic())
            return await serve(request)

        return counted

    def _seal(self, begun: _Begun) -> str:
        key = MasterKey(self._services.keyring.tokens.derived(_PURPOSE)[0])
        return key.wrap(msgspec.json.encode(begun), _SEALED_FOR).hex()

    def _open(self, cookie: str | None) -> _Begun:
        if cookie is not None and len(cookie) <= _MAX_COOKIE:
            for secret in self._services.keyring.tokens.derived(_PURPOSE):
                try:
                    return msgspec.json.decode(
                        MasterKey(secret).unwrap(bytes.fromhex(cookie), _SEALED_FOR), type=_Begun
                    )
                except (WrongMasterKey, ValueError):
                    continue
        raise SignInFailed("expired", "the browser has no sign-in that was begun here, or began it long ago")


def client_of(setting: SignInSetting) -> Client:
    """Who we are to the tenant's provider."""
    return Client(setting.issuer, setting.client_id, setting.secret, setting.scopes)


def _site(request: Request) -> str:
    return site_of(request.client.host if request.client else "")
