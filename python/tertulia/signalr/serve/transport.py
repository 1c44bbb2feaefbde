"""What a connection needs of its transport."""

from __future__ import annotations

from typing import Protocol


class Transport(Protocol):
    """Carries frames to a client. Nothing blocks and nothing raises; what waits to be sent is bounded."""

    def write(self, frame: bytes, binary: bool) -> None:
        """Send one message. ``binary``: as bytes, else it is UTF-8 text."""

    def close(self, code: int, reason: str) -> None:
        """Send what was written, then end with a WebSocket close code, where there is one."""

    def pause(self) -> None:
        """Deliver nothing more from the client for now."""

    def resume(self) -> None:
        """Deliver again."""

    @property
    def unsent(self) -> bool:
        """Whether something that was written has not gone out."""

    @property
    def congested(self) -> bool:
        """Whether the client does not keep up, so that senders should wait, if they can. When that is over the
        transport calls ``HubConnection.drained``."""
