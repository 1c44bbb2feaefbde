"""What a client's socket speaks.

- :mod:`.upgrade`, :mod:`.websocket`: WebSockets on picows, which path gets which listener
- :mod:`.outgoing`, :mod:`.cork`: what they send, bounded, with one write for each turn of the event loop
- :mod:`.plain`: the plain dialect
- :mod:`.signalr`: the SignalR hub
"""
