"""SignalR on asyncio: the thin I/O around the core.

- :mod:`.connection`: one client's connection: the core, the transport of the moment, the application
- :mod:`.endpoint`: the connections of one worker, by their tokens; negotiation; time
- :mod:`.queued`, :mod:`.websocket`, :mod:`.sse`, :mod:`.longpolling`: the transports, on ASGI
- :mod:`.asgi`: the three under one path
- :mod:`.hub`: an application whose methods are coroutines and asynchronous generators
"""

from tertulia.signalr.serve.asgi import SignalR
from tertulia.signalr.serve.caller import Caller
from tertulia.signalr.serve.hub import Hub

__all__ = ["Caller", "Hub", "SignalR"]
