"""Signing in by OpenID Connect: off to the tenant's provider, and back with a cookie.

Whatever goes wrong leads back to the page of meetings, which says in words what happened; the log has the cause.

A link on another site does not sign anybody in by itself (login CSRF: the victim would be signed in at the attacker's
tenant): it leads to the page, whose button does.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlencode

import msgspec
import structlog
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from tertulia.db.models import SignInSetting
from tertulia.db.sign_ins import LIFETIME, Browser, Identity
from tertulia.errors import NotFound, Unavailable
from tertulia.http.site import page_route
from tertulia.ids import TenantId
from tertulia.limits import FAILED_COST, SharedLimit
from tertulia.master_key import MasterKey, WrongMasterKey
from tertulia.oidc import flow
from tertulia.oidc.flow import FLOW_SECONDS, Callback, Client, Flow
from tertulia.oidc.person import Person, Terms, domain_of, person_of
from tertulia.oidc.steps import Reason, SignInFailed
from tertulia.rest.addresses import base_of
from tertulia.rest.cookies import check_origin, cookie_of, set_cookie
from tertulia.rest.services import Services
from tertulia.senders import site_of

START: Final = "/sign-in"
CALLBACK: Final = "/sign-in/callback/{tenant}"
"""Each tenant has its own, so that a provider cannot have another tenant's answer brought to itself (RFC 9700, section
4.4.2.2: not all providers say who they are in their answers)."""
OFFER: Final = "/sign-in/offer"
_HOME: Final = "/meetings"
_FLOW_COOKIE: Final = "tertulia-flow"
_PURPOSE: Final = b"tertulia sign-in"
_SEALED_FOR: Final = "a sign-in that was begun"
_NEVER_KEPT: Final = {"Cache-Control": "no-store"}
_MAX_COOKIE: Final = 4096
_MAX_NAME: Final = 100
"""Characters of a tenant's name."""
_UNASKED: Final = frozenset({"same-origin", "none"})
"""Sec-Fetch-Site of our own pages, and of an address that somebody typed or kept."""

_Why = Literal[Reason, "unavailable", "asked"]
"""What the page of meetings is to say. ``asked``: nothing went wrong, but it takes a click."""

_log = structlog.get_logger(__name__)


class _Begun(Struct, frozen=True):
    """What the browser keeps until it comes back, sealed."""

    tenant_id: TenantId
    set_at: datetime
    """Of the setting: another one's sign-in this is not."""
    flow: Flow


class Way(Struct, frozen=True):
    """Where a page that was asked to sign somebody in goes now."""

    url: str


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
            page_route(START, self._counted(self.start), self._counted(self.begin)),
            page_route(CALLBACK, self._counted(self.callback)),
            page_route(OFFER, self._counted(self.offer)),
        ]

    async def offer(self, request: Request) -> Response:
        """Say whether there is a way to sign in, and whether this browser has gone it."""
        services = self._services
        tenants = await services.sign_in_settings.count()
        secret = cookie_of(request, self._public_url) if tenants else None
        is_signed_in = secret is not None and await services.sign_ins.find(secret, services.now()) is not None
        offered = Offered(tenants > 0, tenants > 1, is_signed_in)
        return Response(msgspec.json.encode(offered), 200, _NEVER_KEPT, "application/json")

    async def start(self, request: Request) -> Response:
        """Send a person to the provider of their tenant: of ``?organisation=NAME``, or of the only one there is. From
        another site, and from a browser that does not tell: to the page that has the button."""
        if request.headers.get("sec-fetch-site") not in _UNASKED:
            return _see(_home("asked", request.query_params.get("organisation", "")[:_MAX_NAME] or None))
        url, kept = await self._way(request)
        return self._keep(_see(url), request, kept)

    async def begin(self, request: Request) -> Response:
        """The same for the button of our own page: it is told where to go."""
        check_origin(request, self._public_url)
        url, kept = await self._way(request)
        told = Response(msgspec.json.encode(Way(url)), 200, _NEVER_KEPT, "application/json")
        return self._keep(told, request, kept)

    async def callback(self, request: Request) -> Response:
        """Take a person back from the provider. What is no answer to the sign-in that this browser has begun leaves it
        as it is."""
        try:
            begun, answer = self._answered(request)
        except SignInFailed as e:
            return await self._refused(request, e)
        try:
            response = await self._finish(request, begun, answer)
        except (SignInFailed, Unavailable) as e:
            response = await self._refused(request, e)
        set_cookie(response, request, self._public_url, "", 0, _FLOW_COOKIE)
        return response

    async def _way(self, request: Request) -> tuple[str, str | None]:
        """Where a person goes to sign in, and what their browser keeps meanwhile; None: they cannot."""
        try:
            return await self._start(request)
        except (SignInFailed, Unavailable) as e:
            return self._failed(e), None

    async def _start(self, request: Request) -> tuple[str, str]:
        name = request.query_params.get("organisation")
        if name is not None and not 1 <= len(name) <= _MAX_NAME:
            raise SignInFailed("unknown", "the name of the organisation is empty or too long")
        if name is not None and "\0" in name:
            raise SignInFailed("unknown", "no organisation has such a name")
        setting = await self._services.sign_in_settings.find(name)
        if setting is None:
            raise SignInFailed("unknown", "no organisation of this name signs in here, or several do and none is named")
        back = base_of(request, self._public_url).url + CALLBACK.format(tenant=setting.tenant_id)
        begun = flow.begin(back, self._services.clock.now())
        providers = self._services.providers
        issuer = providers.issuer(setting.issuer)
        client = self._client(setting)
        url = await providers.run(issuer, flow.authorize(client, issuer, begun, time.monotonic()))
        return url, self._seal(_Begun(setting.tenant_id, setting.set_at, begun))

    def _keep(self, response: Response, request: Request, kept: str | None) -> Response:
        if kept is not None:
            set_cookie(response, request, self._public_url, kept, FLOW_SECONDS, _FLOW_COOKIE)
        return response

    def _answered(self, request: Request) -> tuple[_Begun, Callback]:
        """The sign-in that the browser has begun, and the answer to it. Raises SignInFailed."""
        begun = self._open(cookie_of(request, self._public_url, _FLOW_COOKIE))
        answer = flow.read_callback(request.scope["query_string"])
        if request.path_params["tenant"] != begun.tenant_id or not flow.answers(answer, begun.flow):
            raise SignInFailed("expired", "the answer is not that to the sign-in of this browser")
        return begun, answer

    async def _finish(self, request: Request, begun: _Begun, answer: Callback) -> Response:
        services, providers = self._services, self._services.providers
        setting = await services.sign_in_settings.of_tenant(begun.tenant_id)
        if setting is None or setting.set_at != begun.set_at:
            raise _changed()
        issuer, client = providers.issuer(setting.issuer), self._client(setting)
        steps = flow.complete(client, issuer, begun.flow, answer, services.clock.now(), time.monotonic())
        claims = await providers.run(issuer, steps)
        person = person_of(claims, Terms(setting.domains, setting.administrators))
        secret = await self._sign_in(request, setting, person)
        response = _see(_HOME)
        set_cookie(response, request, self._public_url, secret, int(LIFETIME.total_seconds()))
        return response

    async def _sign_in(self, request: Request, setting: SignInSetting, person: Person) -> str:
        browser = Browser(
            request.client.host if request.client else None,
            request.state.request_id,
            cookie_of(request, self._public_url),
        )
        try:
            new = await self._services.sign_ins.begin(
                setting,
                Identity(person.subject, person.email, person.name),
                self._services.now(),
                browser,
                is_administrator=person.is_administrator,
                links=person.email is not None and domain_of(person.email) in setting.domains,
            )
        except NotFound:
            raise _changed() from None
        if new is None:
            raise _changed()
        request.state.caller = f"user {new.sign_in.user.id}"
        return new.secret

    def _client(self, setting: SignInSetting) -> Client:
        """Who we are to the tenant's provider. Raises Unavailable."""
        secret = self._services.sign_in_settings.secret_of(setting)
        return Client(setting.issuer, setting.client_id, secret, setting.scopes)

    async def _refused(self, request: Request, error: SignInFailed | Unavailable) -> Response:
        await self._by_address.charge(_site(request), time.monotonic(), FAILED_COST)
        return _see(self._failed(error))

    def _failed(self, error: SignInFailed | Unavailable) -> str:
        """Back to the page, with what it is to say."""
        is_ours = isinstance(error, Unavailable)
        reason: _Why = "unavailable" if isinstance(error, Unavailable) else error.reason
        log = _log.warning if is_ours or reason in ("unreachable", "broken") else _log.info
        log("a sign-in failed", reason=reason, error=str(error))
        return _home(reason)

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
                except (WrongMasterKey, ValueError, msgspec.ValidationError):
                    continue
        raise SignInFailed("expired", "the browser has no sign-in that was begun here, or began it long ago")


def _changed() -> SignInFailed:
    return SignInFailed("expired", "the way to sign in was changed meanwhile")


def _home(why: _Why, organisation: str | None = None) -> str:
    named = {} if organisation is None else {"organisation": organisation}
    return f"{_HOME}?{urlencode({'sign-in': why, **named})}"


def _see(url: str) -> Response:
    return RedirectResponse(url, 303, _NEVER_KEPT)


def _site(request: Request) -> str:
    return site_of(request.client.host if request.client else "")
