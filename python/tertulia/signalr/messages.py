"""The messages of the hub protocol (HubProtocol.md), types 1 to 9, as both encodings share them.

As JSON they are these structs (``type`` is msgspec's tag); ``messagepack_protocol`` has the arrays of the other
encoding.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from msgspec import UNSET, Struct, UnsetType

Headers: TypeAlias = dict[str, str]


class _Message(Struct, tag_field="type", rename="camel", omit_defaults=True, frozen=True):
    pass


class Unreadable:
    """Stands for the arguments of a call that cannot be read, for which that call alone is refused."""

    def __repr__(self) -> str:
        return "UNREADABLE"


UNREADABLE: Final = Unreadable()


class Unread:
    """Stands for the arguments of a call that was not read, since the connection's meter did not admit it."""

    def __repr__(self) -> str:
        return "UNREAD"


UNREAD: Final = Unread()


class Invocation(_Message, tag=1, frozen=True):
    """Call ``target``. Without an ``invocation_id`` no answer is wanted. ``stream_ids``: of streams that the caller
    sends."""

    target: str
    arguments: list[Any]
    invocation_id: str | None = None
    stream_ids: list[str] | None = None
    headers: Headers | None = None


class StreamItem(_Message, tag=2, frozen=True):
    """One item of the stream ``invocation_id``."""

    invocation_id: str
    item: Any


class Completion(_Message, tag=3, frozen=True):
    """The end of an invocation or a stream: an error, or a result, or neither."""

    invocation_id: str
    result: Any | UnsetType = UNSET
    error: str | None = None


class StreamInvocation(_Message, tag=4, frozen=True):
    """Call ``target``, which answers by StreamItems and a Completion."""

    invocation_id: str
    target: str
    arguments: list[Any]
    stream_ids: list[str] | None = None
    headers: Headers | None = None


class CancelInvocation(_Message, tag=5, frozen=True):
    """The caller wants no more of the stream ``invocation_id``."""

    invocation_id: str


class Ping(_Message, tag=6, frozen=True):
    """A sign of life."""


class Close(_Message, tag=7, frozen=True):
    """The connection ends. ``allow_reconnect``: a client that reconnects by itself may."""

    error: str | None = None
    allow_reconnect: bool = False


class Ack(_Message, tag=8, frozen=True):
    """Every tracked message up to ``sequence_id`` has arrived."""

    sequence_id: int


class Sequence(_Message, tag=9, frozen=True):
    """The next tracked message from this side is ``sequence_id``: the oldest unacknowledged, or the total plus 1."""

    sequence_id: int


Tracked: TypeAlias = Invocation | StreamItem | Completion | StreamInvocation | CancelInvocation
"""The messages that stateful reconnect numbers, keeps and sends again."""

Message: TypeAlias = Tracked | Ping | Close | Ack | Sequence

TRACKED: tuple[type[Tracked], ...] = (Invocation, StreamItem, Completion, StreamInvocation, CancelInvocation)
