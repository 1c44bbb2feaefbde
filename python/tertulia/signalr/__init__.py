"""A SignalR server for Python, without I/O: the ASP.NET Core SignalR hub protocol, spoken fully.

The core takes bytes and ``now`` and returns messages and frames; it opens no socket, reads no clock and imports no
asyncio:

- :mod:`~tertulia.signalr.messages`: the nine messages of the hub protocol
- :mod:`~tertulia.signalr.json_protocol`, :mod:`~tertulia.signalr.messagepack_protocol`: their two encodings
- :mod:`~tertulia.signalr.framing`: where one message ends, over any chunking
- :mod:`~tertulia.signalr.handshake`, :mod:`~tertulia.signalr.negotiate`, :mod:`~tertulia.signalr.tokens`,
  :mod:`~tertulia.signalr.credentials`: how a connection begins
- :mod:`~tertulia.signalr.reconnect`: nothing lost or doubled when a socket is replaced
- :mod:`~tertulia.signalr.connection`: all of it as one state machine

:mod:`tertulia.signalr.serve` puts it on asyncio: WebSockets, Server-Sent Events and long polling as an ASGI
application, and a hub whose methods are coroutines. ``docs/signalr.md`` has an example. Nothing here imports anything
else of Tertulia.

Sources: the hub protocol and transport specifications of ASP.NET Core (``src/SignalR/docs/specs`` of
dotnet/aspnetcore), and where they differ from what its server and clients do, the latter.
"""
