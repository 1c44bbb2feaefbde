"""``tertulia web``: a web worker's sockets, from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
from functools import partial
from typing import Any, Final, cast

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from tertulia import logging
from tertulia.app import Web, behind_proxies, build_web
from tertulia.config import Config
from tertulia.errors import ConfigError, Unavailable
from tertulia.http.gate import Gate, open_gate, public_gate
from tertulia.http.listening import bind, bind_operator, bind_public, in_url
from tertulia.http.metrics import forget_dead_workers
from tertulia.http.server import paced_http
from tertulia.master_key import master_key
from tertulia.process import descriptors, pulse
from tertulia.senders import Origins, origins_of
from tertulia.sockets.plain import socket as plain
from tertulia.sockets.plain.frames import MAX_FRAME
from tertulia.sockets.websocket import protocol_class

STOP_SECONDS: Final = 5
"""How long open requests may take when the web worker stops."""
HAND_OVER_SECONDS: Final = 1.5
"""How long a web worker that stops waits for its clients to return to others, if there are any."""
BACKLOG: Final = 1024
"""Connections that the kernel keeps until they are accepted."""

_log = structlog.get_logger(__name__)


def run_web(config: Config) -> int:
    """Serve until SIGINT or SIGTERM, and return the exit status. Other web workers may listen on the same port, which
    the process that started them has bound.

    Raises:
        ConfigError, Unavailable: it cannot start.
    """
    logging.configure(config.log_level, config.log_format)
    forget_dead_workers()
    descriptors.allow_all()
    listener = bind_public(config.host, config.port, is_shared=True)
    if config.workers == 1:
        listener.listen(BACKLOG)  # early clients wait, as nobody else can serve them
    uvloop.run(_serve(config, listener))
    return 0


def _relax_the_collector() -> None:
    """Run the cyclic garbage collector less often. Messages are freed by reference counts, so it finds next to nothing,
    yet by default it would take a tenth of the CPU time under load. What exists at the start stays, and is left out.
    A run over the objects of a thousand new connections takes 30 ms, so it is over fewer at a time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 4, 1_000)


async def _serve(config: Config, listener: socket.socket) -> None:
    internal = _internal_socket(config)
    url = f"http://{in_url(config.internal_host)}:{internal.getsockname()[1]}"
    async with build_web(config, url) as web:
        _relax_the_collector()
        servers = [
            _Server(_server_config(config, web, web.public), listener),
            _Server(_internal_config(config, web), internal),
        ]
        if config.operator_listen is not None:
            operator = bind_operator(*config.operator_listen, is_shared=True)
            servers.append(_Server(_server_config(config, web, web.complete), operator))
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        showing = asyncio.create_task(pulse.show(os.environ))
        serving = [asyncio.create_task(server.run()) for server in servers]
        stopping = asyncio.create_task(stop.wait())
        _log.info("web worker runs", address=f"{config.host}:{listener.getsockname()[1]}", hub=web.hub.id)
        if master_key(config) is None and not config.open:
            _log.warning("whoever can read the database can sign tokens: set TERTULIA_MASTER_KEY_FILE")
        await asyncio.wait({*serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for server in servers:
            server.stop_accepting()
        await web.hub.stop(await _time_to_hand_over(web))
        web.signalr.stop()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*serving)
        showing.cancel()


def _server_config(config: Config, web: Web, app: ASGIApp) -> uvicorn.Config:
    proxies = behind_proxies(config, app).trusted_hosts if config.trusted_proxies else None
    protocol = protocol_class(
        {"/ws": plain.endpoint(web.hub, web.lobby), "/hub": web.signalr.open},
        origins_of(config),
        _max_frame(config),
        proxies,
    )
    return _uvicorn(app, protocol, public_gate(config, proxies))


def _internal_config(config: Config, web: Web) -> uvicorn.Config:
    """Other web workers pass on requests of SignalR, and nothing else."""
    protocol = protocol_class({"/hub": web.signalr.open_forwarded}, Origins("*"), _max_frame(config))
    return _uvicorn(web.signalr.forwarded, protocol, open_gate())


def _max_frame(config: Config) -> int:
    """A SignalR message that is too long has to be read, to be answered by a Close message."""
    return 2 * max(config.max_message_bytes, MAX_FRAME)


def _uvicorn(app: ASGIApp, ws: Any, gate: Gate) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=cast("Any", partial(paced_http, gate=gate)),
        ws=ws,
        interface="asgi3",  # uvicorn takes bound methods for the older one
        lifespan="off",
        log_config=None,
        access_log=False,  # its lines hold query strings
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves the signals to us: the hub takes leave of its clients first."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self._listener = listener

    async def run(self) -> None:  # type: ignore[override]
        """Serve until ``should_exit``."""
        await self.serve(sockets=[self._listener])

    def stop_accepting(self) -> None:
        """Take no more connections."""
        for accepting in self.servers:
            accepting.close()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


def _internal_socket(config: Config) -> socket.socket:
    """Where other web workers reach this one: a free port of the internal address."""
    try:
        internal = bind(config.internal_host, 0)
        internal.listen(BACKLOG)
    except OSError as e:
        raise ConfigError(f"TERTULIA_INTERNAL_HOST {config.internal_host} cannot be bound: {e.strerror or e}") from None
    return internal


async def _time_to_hand_over(web: Web) -> float:
    try:
        others = [worker for worker in await web.workers.alive() if worker.id != web.hub.id]
    except Unavailable:
        return 0
    return HAND_OVER_SECONDS if others else 0
