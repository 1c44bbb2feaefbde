"""The only place where the parts of a web worker are wired together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, cast

import structlog
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tertulia.config import Config
from tertulia.db import schema
from tertulia.db.access import Access
from tertulia.db.admissions import Admissions
from tertulia.db.audit import Audit
from tertulia.db.audit_queue import AuditQueue
from tertulia.db.directory import Directory
from tertulia.db.engine import Database
from tertulia.db.idempotency import Idempotency
from tertulia.db.invites import Invites
from tertulia.db.keyring import Keyring
from tertulia.db.recording_keys import RecordingKeys
from tertulia.db.recordings import Recordings
from tertulia.db.sign_in_settings import SignInSettings
from tertulia.db.sign_ins import SignIns
from tertulia.db.signing_keys import SigningKeys
from tertulia.errors import Unavailable
from tertulia.guesses import Guesses
from tertulia.http import health, site
from tertulia.http.cors import Cors
from tertulia.http.files import Files
from tertulia.http.metrics import Metrics
from tertulia.http.pages import DOCS, Pages
from tertulia.http.sign_in import SignInSite
from tertulia.hub.hub import Hub
from tertulia.ids import HubId, new_token
from tertulia.limits import ADDRESS_SHARE, SharedLimit
from tertulia.master_key import master_key
from tertulia.oidc.provider import Providers
from tertulia.outage import Outage, repeat
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.rest.api import Api
from tertulia.rest.callers import Callers
from tertulia.rest.codes import Codes
from tertulia.rest.connection_tests import ConnectionTests
from tertulia.rest.ice import IceServers
from tertulia.rest.links import FILES, Links
from tertulia.rest.openapi import Description
from tertulia.rest.passwords import Passwords
from tertulia.rest.services import Services
from tertulia.rest.table import OPERATIONS
from tertulia.room.settings import HubSettings
from tertulia.senders import origins_of
from tertulia.sockets.lobby import Lobby
from tertulia.sockets.signalr.mark import PURPOSE as MARKS
from tertulia.sockets.signalr.mark import Marks
from tertulia.sockets.signalr.other_workers import PURPOSE as SEAL
from tertulia.sockets.signalr.other_workers import OtherWorkers, sealed
from tertulia.sockets.signalr.site import SignalRSite
from tertulia.state.clock import MEASURE_SECONDS, FleetClock
from tertulia.state.connection import connect_redis
from tertulia.state.limits import SharedBuckets
from tertulia.state.registry import BEAT_SECONDS, Registry, RegistryCache, Worker, sfu_nodes, web_workers
from tertulia.state.rooms import RoomState, room_ttl_ms
from tertulia.state.seats import TenantSeats
from tertulia.storage import SealedStorage, open_storage

OPEN_TENANT: Final = "default"
"""The tenant of an open development server, and of ``tertulia room``."""
IDLE_BEAT_SECONDS: Final = 1.0
"""How often a web worker without meetings says that it is there: nothing has to be found out sooner."""
PURGE_SECONDS: Final = 600.0
"""How often each web worker deletes idempotency keys that are older than a day, and invites that have expired."""

_log = structlog.get_logger(__name__)


class Web(NamedTuple):
    """A running web worker, without its sockets."""

    public: ASGIApp
    complete: ASGIApp
    """The same, with what is for the operator: its figures, and the description of the API."""
    hub: Hub
    signalr: SignalRSite
    workers: Registry[Worker]
    lobby: Lobby


@asynccontextmanager
async def build_web(config: Config, internal_url: str) -> AsyncIterator[Web]:
    """Wire the parts and start them; stop them at the end, in reverse order.

    Raises:
        ConfigError, Unavailable
    """
    async with AsyncExitStack() as stack:
        database = Database(config.need("database_url"))
        stack.push_async_callback(database.close)
        await schema.check(database)
        redis = await connect_redis(config.need("redis_url"))
        stack.push_async_callback(redis.close)
        channels = Channels(redis)
        stack.push_async_callback(channels.close)
        clock = FleetClock(redis)
        await clock.measure()
        await stack.enter_async_context(_each(lambda: MEASURE_SECONDS, "clock", clock.measure))
        keyring = Keyring(SigningKeys(database, master_key(config)), clock.now)
        await keyring.start()
        stack.push_async_callback(keyring.stop)
        hub_id = HubId(new_token("hub_", 9))
        rooms = RoomState(redis, hub_id, room_ttl_ms(config.keep_alive_seconds))
        directory = Directory(database)
        admissions = Admissions(database)
        recordings = Recordings(database)
        audit = Audit(database)
        audit_queue = AuditQueue(audit)
        audit_queue.start()
        stack.push_async_callback(audit_queue.stop)
        settings = HubSettings(
            keep_alive=config.keep_alive_seconds,
            join_within=config.join_timeout_seconds,
            empty_room=config.empty_timeout_seconds,
        )
        seats = TenantSeats(redis, settings.seat / 2)
        take = SharedBuckets(redis).take
        by_address = SharedLimit("address", _rate(config) * ADDRESS_SHARE, take)
        guesses = Guesses(by_address)
        hub = Hub(
            settings=settings,
            hub_id=hub_id,
            rooms=rooms,
            seats=seats,
            channels=channels,
            nodes=sfu_nodes(redis),
            directory=directory,
            admissions=admissions,
            recordings=recordings,
            keys=keyring,
            audit=audit_queue,
            guesses=guesses,
            take=take,
            default_region=config.region,
        )
        await hub.start()
        stack.push_async_callback(hub.stop)
        services = await _services(
            config, clock, database, directory, admissions, recordings, keyring, audit_queue, redis, rooms, seats, hub
        )

        stack.push_async_callback(services.connection_tests.stop)

        def worker() -> Worker:
            return sealed(hub_id, internal_url, keyring.tokens.derived(SEAL))

        def beats() -> float:
            return BEAT_SECONDS if hub.has_meetings else IDLE_BEAT_SECONDS

        registry = web_workers(redis)
        await registry.beat(worker())
        stack.push_async_callback(_leave, registry, hub_id)
        await stack.enter_async_context(_each(beats, "heartbeat", lambda: _beat(registry, worker(), hub)))
        for purge in (
            services.idempotency.purge,
            services.invites.purge,
            services.sign_ins.purge,
            services.connection_tests.purge,
        ):
            await stack.enter_async_context(
                _each(lambda: PURGE_SECONDS, purge.__qualname__, partial(_purge, purge, clock))
            )
        kept = timedelta(days=config.audit_days)
        await stack.enter_async_context(
            _each(lambda: PURGE_SECONDS, "audit", lambda: audit.purge(clock.moment() - kept))
        )
        marks = Marks(lambda: keyring.tokens.derived(MARKS), keyring.now)
        workers = OtherWorkers(registry, marks, lambda: keyring.tokens.derived(SEAL))
        lobby = Lobby(0, 0) if config.open else Lobby()
        signalr = SignalRSite(hub, keyring, services.callers, workers, lobby, guesses, config.max_message_bytes)
        public, complete = _sites(config, services, signalr, by_address)
        yield Web(public, complete, hub, signalr, registry, lobby)


async def _services(
    config: Config,
    clock: FleetClock,
    database: Database,
    directory: Directory,
    admissions: Admissions,
    recordings: Recordings,
    keyring: Keyring,
    audit_queue: AuditQueue,
    redis: Redis,
    rooms: RoomState,
    seats: TenantSeats,
    hub: Hub,
) -> Services:
    access, invites, keys = Access(database), Invites(database), RecordingKeys(database, master_key(config))
    codes, sign_ins = Codes(keyring), SignIns(database)
    tenant = await access.ensure_tenant(OPEN_TENANT, clock.moment()) if config.open else None
    return Services(
        config=config,
        clock=clock,
        database=database,
        directory=directory,
        admissions=admissions,
        invites=invites,
        recordings=recordings,
        access=access,
        audit=Audit(database),
        audit_queue=audit_queue,
        idempotency=Idempotency(database),
        keyring=keyring,
        callers=Callers(
            access,
            admissions,
            invites,
            keyring,
            codes,
            rooms,
            sign_ins,
            open_tenant=tenant.id if tenant else None,
            public_url=config.public_url,
        ),
        sign_ins=sign_ins,
        sign_in_settings=SignInSettings(database, master_key(config)),
        providers=Providers(),
        codes=codes,
        passwords=Passwords(SharedBuckets(redis).take),
        ice=IceServers(RegistryCache(sfu_nodes(redis)), config.turn_urls, config.turn_secret, config.stun_urls),
        links=Links(SealedStorage(open_storage(config.storage), keys), keyring),
        redis=redis,
        rooms=rooms,
        seats=seats,
        nodes=sfu_nodes(redis),
        hub=hub,
        connection_tests=ConnectionTests(directory, hub),
    )


def _rate(config: Config) -> int:
    return 0 if config.open else config.rate_limit


def _sites(
    config: Config, services: Services, signalr: SignalRSite, by_address: SharedLimit
) -> tuple[ASGIApp, ASGIApp]:
    """What everyone gets, and what the operator gets. Without a listener for the operator it is the same."""
    by_credential = SharedLimit("credential", _rate(config), SharedBuckets(services.redis).take)
    api = Api(services, by_address=by_address, by_credential=by_credential)
    pages = Pages(public_url=config.public_url, media_origin=services.links.origin)
    routes = [*_routes(services, signalr, api, pages), *SignInSite(services, by_address).routes()]
    operator = _operator_routes(config)
    complete = _site(config, [*operator, *routes], api, pages)
    return (complete if config.operator_listen is None else _site(config, routes, api, pages)), complete


def _routes(services: Services, signalr: SignalRSite, api: Api, pages: Pages) -> list[BaseRoute]:
    return [
        *site.api_routes(api, OPERATIONS),
        Route("/hub", signalr),
        Route("/hub/negotiate", signalr),
        site.page_route(FILES + "/{key:path}", Files(services.links).serve),
        site.page_route("/healthz", health.healthz),
        site.page_route("/readyz", health.Readiness(services).readyz),
        site.page_route("/", pages.index),
        site.page_route("/r/{room_id}", pages.room),
        site.page_route("/m/{code}", pages.meeting),
        site.page_route("/test", pages.index),
        site.page_route("/meetings", pages.meetings),
        site.page_route("/static/{path:path}", pages.asset),
    ]


def _operator_routes(config: Config) -> list[BaseRoute]:
    docs = Pages(DOCS, ".", public_url=config.public_url)
    return [
        site.page_route("/metrics", Metrics().metrics),
        site.page_route("/openapi.json", Description(OPERATIONS).openapi),
        site.page_route("/docs", docs.index),
        site.page_route("/docs/{path}", docs.asset),
    ]


def _site(config: Config, routes: list[BaseRoute], api: Api, pages: Pages) -> ASGIApp:
    app: ASGIApp = site.Site(routes, Cors(origins_of(config)), api, pages.unknown, is_open=config.open)
    return cast("ASGIApp", behind_proxies(config, app)) if config.trusted_proxies else app


def behind_proxies(config: Config, app: ASGIApp) -> ProxyHeadersMiddleware:
    """``app``, told of its clients by the trusted proxies."""
    return ProxyHeadersMiddleware(cast("Any", app), list(config.trusted_proxies))


@asynccontextmanager
async def _each(pause: Callable[[], float], name: str, work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Do ``work`` again and again, with such pauses (seconds). If a part does not answer, the next one tries again."""
    task = asyncio.create_task(repeat(work, pause, Outage(work=name)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _beat(registry: Registry[Worker], worker: Worker, hub: Hub) -> None:
    """Stay registered. A registry that has forgotten this worker says that Redis has lost what it knew."""
    if await registry.beat(worker):
        _log.warning("Redis has forgotten this web worker: its rooms are read again", hub=worker.id)
        hub.redis_forgot()


async def _purge(purge: Callable[[datetime], Awaitable[None]], clock: FleetClock) -> None:
    await purge(clock.moment())


async def _leave(registry: Registry[Worker], hub: HubId) -> None:
    try:
        await registry.leave(hub)
    except Unavailable as e:
        _log.warning("the web worker could not deregister", hub=hub, error=e.message)
